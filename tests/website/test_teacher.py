"""The teacher's pack: what the documents say of the labs holds for the labs that are there."""

import re

import pytest

from authoring.catalogue import Catalogue
from tests.toy_lab import LAB, TOY
from website import check

PLANS = {lab.name: lab.folder / "plan.md" for lab in Catalogue()}


def written_answers() -> list[tuple[str, str, float]]:
    """(lab, exercise, points) of every answer that a person marks."""
    return [
        (lab.name, asked.name, asked.points)
        for lab in Catalogue() for asked in lab.exercises.values() if not asked.is_code
    ]  # fmt: skip


@pytest.mark.parametrize("lab", Catalogue().names)
def test_every_lab_has_a_plan_that_names_its_exercises_and_leaves_time_for_them(lab):
    plan = PLANS[lab].read_text(encoding="utf-8")
    text = "\n".join(c.source for c in Catalogue()[lab].notebook.cells if c.cell_type == "markdown")
    pattern = r"^#+ Exercice (\d+)\b.*?environ (\d+) minutes"
    exercises = {int(n): int(m) for n, m in re.findall(pattern, text, re.MULTILINE | re.DOTALL)}
    assert exercises
    assert {int(n) for n in re.findall(r"Exercise (\d+)", plan)} == set(exercises)
    homework = {int(n) for part in re.findall(r"^Homework.*?(?:\n\n|\Z)", plan, re.MULTILINE | re.DOTALL)
                for n in re.findall(r"Exercise (\d+)", part)}  # fmt: skip
    rows = {
        int(n): int(minutes)
        for minutes, row in re.findall(r"^\| (\d+) \| (.*)$", plan, re.MULTILINE)
        for n in re.findall(r"Exercise (\d+)", row)
    }
    assert set(rows) | homework == set(exercises)
    short = {n: rows[n] for n in rows if rows[n] < exercises[n]}
    assert not short, f"{lab}: less time in the plan than in the lab: {short}, {exercises}"


@pytest.mark.parametrize("lab", PLANS)
def test_the_minutes_of_a_plan_add_up(lab):
    plan = PLANS[lab].read_text(encoding="utf-8")
    total = int(re.search(r"^Total: (\d+) minutes", plan, re.MULTILINE).group(1))
    assert sum(map(int, re.findall(r"^\| (\d+) \|", plan, re.MULTILINE))) == total


@pytest.mark.parametrize("lab, exercise, points", written_answers())
def test_every_written_answer_has_criteria_and_marked_samples(lab, exercise, points):
    text = Catalogue()[lab].answers_path(exercise, ".md").read_text(encoding="utf-8").replace("\xa0", " ")
    criteria = [float(n.replace(",", ".")) for n in re.findall(r"^\|.*\| ([\d,]+) \|$", text, re.MULTILINE)]
    assert sum(criteria) == points
    marks = [float(n.replace(",", ".")) for n in re.findall(r"^\*\*([\d,]+) / [\d,]+\.\*\*", text, re.MULTILINE)]
    assert len(marks) >= 4 and max(marks) == points and min(marks) == 0 and any(0 < mark < points for mark in marks)


def test_mistakes_are_indexed_by_message(sites):
    page = (sites["teacher"] / "messages.html").read_text(encoding="utf-8")
    text = re.sub(r"<[^>]*>", "", page)
    assert "obtenu : 9" in text and "squares (0,5 / 2)" in text and "ex1_double" in text
    assert "trop grand" in text and "comptez moins" in text and "Exercice 12" in text  # the help folded in the lab
    assert not (sites["student"] / "messages.html").exists()
    assert LAB in text or "TP d'essai" in text


def test_what_students_have_anyway_is_no_secret(tmp_path):
    (tmp_path / "a.html").write_text("<p>the_answer_nobody_reads = 2 * x</p>", encoding="utf-8")
    assert len(check.leaks(tmp_path, [TOY])) == 1
    assert check.leaks(tmp_path, [TOY], given="    the_answer_nobody_reads = 2 * x") == []
