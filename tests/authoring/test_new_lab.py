"""A new lab is one folder under solutions/ and one under data/: the rest of the course follows by itself.

In a copy of the course, as its author would: the folders, `make measure`, `make release`; then what a class and its
teacher do.
"""

import hashlib
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from authoring.language import new_catalogue, update, write
from grading import demo
from grading.execution import sandbox
from tests import toy_lab, working_copy
from utils.labs import read

LAB = "tp9_toy"
SOURCE = toy_lab.SOURCE.replace(
    "expected = 6",
    f'from utils.environment import DATA\nexpected = int((DATA / "{LAB}" / "six.txt").read_text())',
)
SETTINGS = toy_lab.TOY.folder.joinpath("lab.toml").read_text().replace("order = 0", 'order = 9\nmodels = ["masked"]')
PLAN = "# `tp9_toy`: two exercises and a word\n\nTotal: 10 minutes.\n\nSee [rubrics](../../docs/rubrics.md).\n"
ENGLISH = {
    "# Un TP d'essai": "# A lab to try",
    "Exercice 1": "Exercise 1",
    "Exercice 2": "Exercise 2",
    "Parce que le corrigé le dit ainsi.": "Because the solution says so.",
    "Dans notre exécution, {{sixth:.1%}} du total.": "In our run, {{sixth:.1%}} of the total.",
}
BY_COMMAND = {"README.md", "README.fr.md", "docs/session-plans.md", "notebooks/labs.json"}
FOLDERS = (f"solutions/{LAB}/", f"data/{LAB}/")
PAGES = f"""
from pathlib import Path
import nbformat
from authoring.catalogue import Catalogue
from authoring.reference import executed
from website.pages import EDITIONS, Shown, Site
lab = Catalogue()["{LAB}"]
shown = Shown(lab, executed(lab, "small"), nbformat.read(lab.release_path(), as_version=4))
for edition in EDITIONS:
    Site(edition, Path("build") / edition, [shown]).write()
"""
DOCTOR = (
    "from utils.student import doctor; doctor.CHECKS.pop('GPU'); doctor.main()"  # its check reads torch, for seconds
)


class Course:
    """A copy of the course in `root`; what each command printed."""

    def __init__(self, root: Path):
        self.root = working_copy.copy_to(root)
        self.before = self.files()

    def files(self) -> dict[str, str]:
        """What git would see, by name, and a hash of its content."""
        made = ("build/", "class/")
        found = {path.relative_to(self.root).as_posix(): path for path in self.root.rglob("*") if path.is_file()}
        return {
            name: hashlib.sha256(path.read_bytes()).hexdigest()
            for name, path in found.items() if not name.startswith(made) and not name.endswith(".pyc")
        }  # fmt: skip

    def python(self, *arguments: str) -> str:
        done = subprocess.run([sys.executable, *arguments], cwd=self.root, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def text(self, name: str) -> str:
        return (self.root / name).read_text(encoding="utf-8")


def add_lab(root: Path) -> None:
    """The two folders, and nothing else."""
    folder, data = root / "solutions" / LAB, root / "data" / LAB
    (folder / "answers").mkdir(parents=True)
    data.mkdir()
    for path in toy_lab.TOY.folder.glob("answers/*"):
        (folder / "answers" / path.name).write_bytes(path.read_bytes())
    (folder / "answers" / "ex3_words.md").write_text("# Exercice 3 — barème\n\nDit pourquoi.\n", encoding="utf-8")
    (folder / f"{LAB}.py").write_text(SOURCE, encoding="utf-8")
    (folder / "lab.toml").write_text(SETTINGS, encoding="utf-8")
    (folder / "plan.md").write_text(PLAN, encoding="utf-8")
    catalogue = update(SOURCE, new_catalogue())
    for entry in catalogue:
        entry.msgstr = ENGLISH.get(entry.msgid, entry.msgid)
    write(catalogue, folder / "en.po")
    (data / "six.txt").write_text("6\n")
    (data / "README.md").write_text("# Six\n\nA number, by hand.\n")


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    course = Course(tmp_path_factory.mktemp("new") / "course")
    add_lab(course.root)
    course.python("-m", "authoring.reference", LAB, "--measure")
    course.python("-m", "authoring.release", LAB)
    course.python("-m", "authoring.generated")
    return course


def test_it_is_released_in_both_languages_and_nothing_else_is_touched(course):
    texts = {
        "fr": ("# Un TP d'essai", "Dans notre exécution, 16,7\u00a0% du total."),
        "en": ("# A lab to try", "In our run, 16.7% of the total."),
    }
    for language, (heading, result) in texts.items():
        notebook = nbformat.read(course.root / "notebooks" / language / LAB / f"{LAB}.ipynb", as_version=4)
        assert notebook.cells[0].source == heading and notebook.cells[-1].source == result
        assert notebook.metadata.course.lab == LAB and notebook.metadata.course.language == language
    after = course.files()
    changed = {name for name in after | course.before if after.get(name) != course.before.get(name)}
    releases = {f"notebooks/{language}/{LAB}/{LAB}.ipynb" for language in ("fr", "en")}
    assert {name for name in changed if not name.startswith(FOLDERS)} == BY_COMMAND | releases


def test_the_readmes_the_plans_and_students_tools_know_it(course):
    french, english = (f"notebooks/{language}/{LAB}/{LAB}.ipynb" for language in ("fr", "en"))
    (row,) = re.findall(rf"^\| `{LAB}` .*$", course.text("README.md"), re.MULTILINE)
    assert "Something to try" in row and row.endswith(f"| 5 | [English]({english}), [French]({french}) |")
    (row,) = re.findall(rf"^\| `{LAB}` .*$", course.text("README.fr.md"), re.MULTILINE)
    assert "De quoi essayer" in row and row.endswith(f"| 5 | [français]({french}), [anglais]({english}) |")
    assert f"two exercises and a word](../solutions/{LAB}/plan.md), 10 minutes" in course.text("docs/session-plans.md")
    known = read(course.root / "notebooks" / "labs.json")
    assert known[-1].name == LAB and known[-1].models == ("masked",)


def test_the_doctor_says_that_it_needs_its_model(course):
    done = subprocess.run([sys.executable, "-c", DOCTOR], cwd=course.root, capture_output=True, text=True)
    assert re.search(rf"^\[\w+\] masked \(.*\b{LAB}\)", done.stdout, re.MULTILINE), done.stdout + done.stderr


def test_the_site_has_its_pages(course):
    course.python("-c", PAGES)
    assert f"](tp/{LAB}.md)" in course.text("build/student/index.md")
    assert "# Un TP d'essai" in course.text(f"build/student/tp/{LAB}.md")
    assert "A number, by hand." in course.text(f"build/student/cartes/{LAB}.md")
    assert f"](tp/{LAB}.md)" in course.text("build/student/mesures.md")
    assert "squares" in course.text(f"build/teacher/baremes/{LAB}.md")
    assert f"](plan-{LAB}.md)" in course.text("build/teacher/documents/session-plans.md")
    assert "](rubrics.md)" in course.text(f"build/teacher/documents/plan-{LAB}.md")
    assert not (course.root / "build" / "student" / "documents").exists()


def test_a_hand_in_is_graded(course):
    release = nbformat.read(course.root / "notebooks" / "en" / LAB / f"{LAB}.ipynb", as_version=4)
    answers = {"ex1_double": "def double(x):\n    return x + x", "ex2_noisy": "def noisy():\n    return ''"}
    demo.hand_in(release, demo.Student("anne", answers, {}), course.root / "class", LAB)
    printed = course.python("-m", "grading.grade", LAB, *([] if sandbox.available() else ["--no-sandbox"]))
    row = next(line for line in printed.splitlines() if "anne" in line)
    assert re.search(r"\b2\b", row), printed
    assert (course.root / "class" / "report" / f"{LAB}.html").exists()
