"""What is written of the labs in other places: from their folders alone, the same twice, nothing else touched."""

import pytest

from authoring import generated, measures
from authoring.catalogue import Catalogue
from authoring.generated import BEGIN, END
from authoring.lab import LabError
from authoring.measures import Measure
from tests.toy_lab import LAB
from utils import labs

SLOW, FAST = Measure("AMD EPYC", 2, 480.0, 3.46), Measure("Intel Xeon", 2, 65.0, 3.1)
BEFORE, AFTER = "# A course\n\nBy hand.\n\n", "\nBy hand too: 0.4 GiB.\n"


@pytest.fixture
def course(toy) -> Catalogue:
    """The toy course with the documents that are written in, and a folder for releases."""
    for name in generated.MARKED_IN:
        path = toy.root / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"{BEFORE}{BEGIN}\nstale\n{END}\n{AFTER}", encoding="utf-8")
    return Catalogue(toy.root)


def lines(course, name: str) -> list[str]:
    return (course.root / name).read_text(encoding="utf-8").splitlines()


def test_written_once_and_the_rest_of_a_document_is_kept(course):
    assert len(generated.write(course)) == 4
    assert generated.write(course) == [] and generated.stale(course) == {}
    for name in generated.MARKED_IN:
        text = (course.root / name).read_text(encoding="utf-8")
        assert text.startswith(f"{BEFORE}{BEGIN}\n") and text.endswith(f"{END}\n{AFTER}") and "stale" not in text


def test_a_lab_that_nobody_measured_planned_or_translated(course):
    release = course[LAB].release_path()
    release.parent.mkdir(parents=True)
    release.touch()
    generated.write(course)
    link = f"notebooks/fr/{LAB}/{LAB}.ipynb"
    assert (
        f"| `{LAB}` | Something to try the grading on | about 10 min | not measured yet | not measured yet | 5 "
        f"| [French]({link}), not yet in English |"
    ) in lines(course, "README.md")
    assert (
        f"| `{LAB}` | De quoi essayer la correction | environ 10 min | pas encore mesuré | pas encore mesuré | 5 "
        f"| [français]({link}), pas encore en anglais |"
    ) in lines(course, "README.fr.md")
    assert f"- `{LAB}`: no plan yet" in lines(course, "docs/session-plans.md")
    assert labs.read(course.root / "notebooks" / "labs.json") == [
        labs.Needs(LAB, {"fr": "Un TP d'essai", "en": "A lab to try"})
    ]


def test_a_lab_that_is_measured_planned_and_translated(course):
    lab = course[LAB]
    for language in ("fr", "en"):
        lab.release_path(language).parent.mkdir(parents=True)
        lab.release_path(language).touch()
    for measure in (FAST, SLOW):
        measures.record(lab.folder, measure, {})
    (lab.folder / "plan.md").write_text("# `toy`: what for\n\nTotal: 10 minutes.\n")
    generated.write(course)
    english, french = (f"notebooks/{language}/{LAB}/{LAB}.ipynb" for language in ("en", "fr"))
    table = "\n".join(lines(course, "README.md"))
    assert f"| 1 to 8 min | 3.5 GiB | 5 | [English]({english}), [French]({french}) |" in table
    assert "on AMD EPYC (all labs), Intel Xeon (all labs)." in table
    table = "\n".join(lines(course, "README.fr.md"))
    assert f"| 1 à 8 min | 3,5 Gio | 5 | [français]({french}), [anglais]({english}) |" in table
    assert f"- [`toy`: what for](../solutions/{LAB}/plan.md), 10 minutes" in lines(course, "docs/session-plans.md")
    assert labs.read(course.root / "notebooks" / "labs.json")[0].memory == 3.46


@pytest.mark.parametrize(
    ("minutes", "told"), [(30, "30 min"), (60, "1 h"), (150, "2 h 30"), (185, "3 h 05"), (240, "4 h")]
)
def test_a_student_s_time(minutes, told):
    assert measures.duration(minutes) == told


@pytest.mark.parametrize(
    "seconds, told", [([21], "seconds"), ([20, 70], "1 min"), ([420], "7 min"), ([230, 370], "4 to 6 min")]
)
def test_a_computation_s_time(seconds, told):
    assert measures.computing([Measure("", 2, each, 1.0) for each in seconds], "en") == told


@pytest.mark.parametrize("text", ["no mark", f"{BEGIN}\n{END}\n{BEGIN}\n{END}\n", f"{END}\n{BEGIN}\n"])
def test_a_document_without_its_marks_is_refused_and_nothing_is_written(course, text):
    (course.root / "README.fr.md").write_text(text)
    with pytest.raises(LabError, match="README.fr.md"):
        generated.write(course)
    assert "stale" in (course.root / "README.md").read_text() and not (course.root / "notebooks").exists()


def test_what_is_committed_is_up_to_date():
    assert generated.main(["--check"]) == 0


def test_check_says_what_is_stale(course, monkeypatch, capsys):
    generated.write(course)
    settings = course[LAB].folder / "lab.toml"
    settings.write_text(settings.read_text().replace("minutes = 10", "minutes = 20"))
    monkeypatch.setattr(generated, "Catalogue", lambda: course)
    assert generated.main(["--check"]) == 1
    assert [line.split()[1] for line in capsys.readouterr().err.splitlines()] == ["README.md", "README.fr.md"]
    assert generated.main([]) == 0 and generated.main(["--check"]) == 0


def test_an_extra_that_there_is_not_is_refused(course):
    settings = course[LAB].folder / "lab.toml"
    settings.write_text('extra = "agents"\n' + settings.read_text())
    with pytest.raises(LabError, match="no extra 'agents'"):
        generated.write(course)
