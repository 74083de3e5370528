"""Grading on a Dask cluster: the same marks, each hand-in recorded once, whatever becomes of the workers."""

import os
import signal
from collections import Counter

import pytest

from authoring.lab import LabError
from grading import grade
from grading.book import gradebook as record
from tests.grading.test_pool import EXPECTED, cells
from tests.toy_lab import LAB, TOY

pytest.importorskip("distributed")


@pytest.fixture
def cluster():
    from grading.execution import cluster

    return cluster


def test_addresses_that_cannot_be(cluster, toy):
    with pytest.raises(LabError, match="a number of worker processes"):
        cluster.Cluster("local:many", LAB, {}, grade.Options())
    with pytest.raises(LabError, match="no Dask scheduler answers"):
        cluster.Cluster("nonsense", LAB, {}, grade.Options())


def test_dask_is_an_extra(monkeypatch, capsys, toy):
    monkeypatch.setattr(grade, "find_spec", lambda name: None)
    with pytest.raises(SystemExit):
        grade.main(["--scheduler", "local:2"])
    assert "pip install" in capsys.readouterr().err


@pytest.mark.slow
def test_a_worker_is_killed_in_the_middle(cluster, classroom, monkeypatch):
    """Two worker processes, one of which dies after the first mark: every hand-in is graded, and recorded once."""
    clusters, recorded, killed = [], Counter(), []
    wait, real = cluster.Cluster.wait, record.Course.record

    def seen_wait(made):
        wait(made)
        clusters.append(made)

    def seen_record(course, student):
        recorded[student] += 1
        if not killed:
            [victim, *_] = clusters[0]._client.run(os.getpid).values()
            os.kill(victim, signal.SIGKILL)
            killed.append(victim)
        real(course, student)

    monkeypatch.setattr(cluster.Cluster, "wait", seen_wait)
    monkeypatch.setattr(record.Course, "record", seen_record)
    marks = grade.grade(classroom, TOY, grade.Options(jobs=2, scheduler="local:2"))
    assert {mark.student: mark.total for mark in marks} == EXPECTED
    assert killed and clusters[0].jobs == 2 and recorded == dict.fromkeys(EXPECTED, 1)
    assert len(cells(classroom)) == 3 * len(EXPECTED)
    # Nothing is left to do, with or without a cluster.
    recorded.clear()
    grade.grade(classroom, TOY)
    assert not recorded


@pytest.mark.slow
def test_a_worker_with_another_course_is_refused(cluster, classroom, monkeypatch):
    monkeypatch.setattr(cluster, "course_version", lambda: "Python 2.7")
    with pytest.raises(LabError, match="marks could differ"):
        grade.grade(classroom, TOY, grade.Options(jobs=1, scheduler="local:1"))
