"""One hand-in never ends the class: whatever it makes us raise, it alone ends, once, with a sentence."""

import csv
import json
import os
import random
import shutil
import sys

import nbformat
import pytest

from authoring.catalogue import Catalogue
from grading import demo, grade
from grading.book.gradebook import Course
from grading.book.ledger import EntryState, Ledger
from tests.toy_lab import LAB, TOY
from utils.files import plain_name
from utils.notebook.cells import Unusable, language
from utils.notebook.demos import left_out

RIGHT = "def double(x):\n    return x + x"
FLOOD = (
    "from IPython.display import display\nfrom comm import create_comm\n"
    "for i in range(130): create_comm(target_name='x', data={{'state': {{{name!r}: 'x' * 2_000_000}}}})\n" + RIGHT
)
UPDATES = (
    "from IPython.display import display\nhandles = [display('x', display_id=str(i)) for i in range(12)]\n"
    "handles = [display('x', display_id='same') for i in range(12)]\n"
    "for i in range(12): display('x' * 4_000_000, display_id=str(i), update=True)\n"
    "for i in range(12): display('x' * 4_000_000, display_id='same', update=True)\n" + RIGHT
)
# By name of the folder: the source of the first exercise, and its points.
ODD: dict[str, tuple[str, float]] = {
    "a long sum": ("total = " + " + ".join(["1"] * 900) + "\n" + RIGHT, 2.0),
    "a thousand elif": ("if 0: pass\n" + "elif 0: pass\n" * 1200 + RIGHT, 0.0),
    "many signs": ("x = " + "-" * 50_000 + "1\n" + RIGHT, 0.0),
    "half an emoji raised": ('def double(x):\n    raise ValueError("\\ud83d")', 0.0),
    "half an emoji printed": ('print("\\ud83d")\ndef double(x):\n    print("\\ud83d")\n    return x + x', 2.0),
    "half an emoji returned": ('def double(x):\n    return "\\ud83d"', 0.0),
    "half an emoji written": ("# \ud83d\n" + RIGHT, 2.0),
    "prints on one line": ("def double(x):\n    print('x', end='')\n    return x + x", 2.0),
    "removes its line": ("import shutil\nshutil.rmtree('../k')\n" + RIGHT, 0.0),
    "floods with states": (FLOOD.format(name="a"), 0.0),
    "floods with models": (FLOOD.format(name="_model_name"), 0.0),
    "updates what it shows": (UPDATES, 0.0),
    "a long integer": ("def double(x):\n    return 10 ** 5000", 0.0),
    "é" * 120: (RIGHT, 2.0),
    "a*b": (RIGHT, 2.0),
    "Prénom [M1]": (RIGHT, 2.0),
    "two\nlines": (RIGHT, 2.0),
    "El\udce9a": (RIGHT, 2.0),  # Latin-1
}  # fmt: skip


@pytest.fixture(scope="module")
def graded(tmp_path_factory, toy_release):
    root = tmp_path_factory.mktemp("alone") / "course"
    notebook = nbformat.reads(toy_release, as_version=4)
    for number, (name, (source, _)) in enumerate(ODD.items()):
        demo.hand_in(notebook, demo.Student(f"n{number}", {"ex1_double": ""}, {}), root, LAB)
        folder = root / "submitted" / f"n{number}" / LAB
        told = json.loads((folder / f"{LAB}.ipynb").read_text(encoding="utf-8"))
        for cell in told["cells"]:
            if cell["metadata"].get("nbgrader", {}).get("grade_id") == "ex1_double-solution":
                cell["source"] = source
        (folder / f"{LAB}.ipynb").write_text(json.dumps(told))
        os.rename(folder.parent, os.fsencode(folder.parent.with_name(name)))
    beside = root / "submitted" / "a file beside" / LAB
    demo.hand_in(notebook, demo.Student("a file beside", {"ex1_double": RIGHT}, {}), root, LAB)
    open(os.fsencode(beside) + b"/donn\xe9es.csv", "w").close()
    return root, {mark.student: mark for mark in grade.grade(root, TOY, grade.Options(jobs=2))}


@pytest.mark.parametrize(
    "name", [*ODD, "a file beside"], ids=lambda name: name.encode("ascii", "replace").decode()[:20]
)
def test_each_is_graded_and_nobody_is_stopped(graded, name):
    root, marks = graded
    mark = marks[plain_name(name)]
    assert not mark.error, mark
    assert mark.points["ex1_double"] == ODD.get(name, ("", 2.0))[1], mark
    page = root / "feedback" / mark.student / LAB / f"{LAB}.html"
    assert page.stat().st_size < 1_000_000


def test_what_is_kept_of_a_flood_is_bounded(graded):
    root, _ = graded
    sizes = {path.parent.parent.name: path.stat().st_size for path in root.glob("autograded/*/*/*.ipynb")}
    assert len(sizes) == len(ODD) + 1 and max(sizes.values()) < 25_000_000, sizes


def test_the_table_and_the_csv_take_every_name(graded, tmp_path, capsysbinary):
    _, marks = graded
    grade.write_csv(list(marks.values()), tmp_path / "grades.csv")
    assert len((tmp_path / "grades.csv").read_text(encoding="utf-8-sig").splitlines()) == len(marks) + 1
    grade.table(list(marks.values())).encode()


def test_a_name_is_never_a_formula(tmp_path):
    grade.write_csv([grade.Marks("=1+1", LAB, error="@x"), grade.Marks("O'Neil", LAB)], tmp_path / "grades.csv")
    with (tmp_path / "grades.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["student"], row["error"]) for row in rows] == [("'=1+1", "'@x"), ("O'Neil", "")]


def test_names_stay_apart_and_plain_ones_stay():
    names = ["anne", "chloé <b>", "O'Neil", "a*b", "a?b", "a[b", "é" * 200, "é" * 201, "El\udce9a", "El\udceaa"]
    plain = [plain_name(name) for name in names]
    assert plain[:3] == names[:3] and len(set(plain)) == len(names)
    assert all(len(name.encode()) < 200 and not set(name) & set("*?[]\n") for name in plain)


def test_a_file_that_cannot_be_read_stops_its_hand_in_alone(classroom, monkeypatch):
    real = Course.fingerprint

    def refused(course, student):
        if student == "anne":
            raise PermissionError(13, "Permission denied")
        return real(course, student)

    monkeypatch.setattr(Course, "fingerprint", refused)
    for _ in range(2):
        marks = {mark.student: mark for mark in grade.grade(classroom, TOY)}
        assert marks["anne"].state == EntryState.FAILED and "Permission" in marks["anne"].error
        assert marks["boris"].total == 1.5


@pytest.mark.parametrize("fault", ["a gradebook of rubbish", "no room on the disk"])
def test_a_fault_of_the_machine_is_told_in_one_sentence(classroom, monkeypatch, capsys, fault):
    monkeypatch.setattr(grade, "COURSE", classroom)
    monkeypatch.setattr(grade, "Catalogue", lambda: Catalogue(TOY.root))
    if fault == "no room on the disk":
        full = OSError(28, "No space left on device")
        monkeypatch.setattr(Ledger, "put", lambda *_: (_ for _ in ()).throw(full))
    else:
        (classroom / "gradebook.db").write_bytes(b"rubbish" * 1000)
    assert grade.main([LAB]) == 1
    told = capsys.readouterr().err.strip().splitlines()[-1]
    assert told.startswith("[FAIL]") and ("No space left" in told or "gradebook.db cannot be read" in told)


def test_what_is_printed_without_a_newline_hides_no_test(graded):
    root, _ = graded
    page = (root / "feedback" / "prints on one line" / LAB / f"{LAB}.html").read_text(encoding="utf-8")
    assert "double(3)" in page and "test réservé à la correction" in page and page.count("réussi") > 1


# ------------------------------------------------------------------------------------------------------ a fuzzer
def mutated(text: str, dice: random.Random) -> bytes:
    """A hand-in with a few random faults: of structure, of values, of bytes."""
    told = json.loads(text)
    odd = [None, 0, -1, 1e308, True, [], {}, "", "\ud83d", "x" * 100_000, ["a", 3], {"a": None}, [[]] * 50, "\x00", "é"]
    for _ in range(dice.randint(1, 4)):
        places = list(_places(told))
        holder, key = dice.choice(places)
        action = dice.randrange(7)
        if action == 0:
            holder[key] = dice.choice(odd)
        elif action == 1:
            del holder[key]
        elif action == 2 and isinstance(holder, list):
            holder.insert(key, holder[key])
        elif action == 3 and isinstance(holder, list):
            dice.shuffle(holder)
        elif action == 4 and isinstance(holder[key], str):
            text = holder[key]
            place = dice.randrange(len(text) + 1)
            holder[key] = (
                text[:place]
                + dice.choice(["\ud83d", "\x00", "(" * 500, "-" * 3000, "\r", "'''", "\u2028"])
                + text[place:]
            )
        elif action == 5 and isinstance(holder, dict):
            holder[dice.choice(["nbgrader", "cell_type", "id", "outputs", "\ud83d", "attachments"])] = dice.choice(odd)
        elif action == 6:
            holder[key] = {"deep": "DEEP"}
        if not isinstance(told, dict):
            break
    depth = dice.randint(1, 5000)
    data = json.dumps(told).replace('"DEEP"', "[" * depth + "]" * depth).encode()
    if dice.random() < 0.2:
        place = dice.randrange(len(data))
        data = data[:place] + bytes([dice.randrange(256)]) + data[place + dice.randrange(3) :]
    if dice.random() < 0.05:
        data = data.decode("utf-8", "replace").encode(dice.choice(["utf-16", "cp1252", "utf-8-sig"]), "replace")
    return data[: dice.randrange(len(data))] if dice.random() < 0.05 else data


def _places(told):
    waiting = [told]
    while waiting:
        value = waiting.pop()
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            yield value, key
            if isinstance(value[key], (dict, list)) and value[key]:
                waiting.append(value[key])


MUTATIONS = 2000


def judged(course: Course, student: str, release) -> str:
    """What becomes of a hand-in before it is executed: taken, or aside with a sentence.  Raises nothing else."""
    from grading.book.intake import take_in

    try:
        hand_in = take_in(course.handed_in(student), course.intake / student / LAB, [release], LAB)
    except Unusable as error:
        assert str(error).endswith((".", "…")) and len(str(error)) < 400
        str(error).encode()
        return "aside"
    notebook = course.sanitized(hand_in.notebook)
    left_out(notebook, release)
    assert language(notebook) == "fr"
    json.dumps(notebook, ensure_ascii=False).encode()
    return "taken"


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_two_thousand_mutated_hand_ins(tmp_path, toy_release, student_notebook):
    """Seeded; each is taken or set aside with a sentence before it runs, and one in fifty is graded whole."""
    root, text = tmp_path / "course", nbformat.writes(student_notebook)
    (root / "submitted" / "x" / LAB).mkdir(parents=True)
    course = Course(root, TOY)
    course.open()
    counts = {"aside": 0, "taken": 0}
    limit = sys.getrecursionlimit()
    for seed in range(MUTATIONS):
        data = mutated(text, random.Random(seed))
        (root / "submitted" / "x" / LAB / f"{LAB}.ipynb").write_bytes(data)
        try:
            counts[judged(course, "x", student_notebook)] += 1
        except Exception as error:
            pytest.fail(f"seed {seed}: {type(error).__name__}: {str(error)[:300]}")
        if seed % 50 == 0:
            kept = root / "submitted" / f"s{seed}" / LAB
            kept.mkdir(parents=True)
            (kept / f"{LAB}.ipynb").write_bytes(data)
    assert sys.getrecursionlimit() == limit and min(counts.values()) > MUTATIONS / 20, counts
    shutil.rmtree(root / "submitted" / "x")
    marks = grade.grade(root, TOY, grade.Options(jobs=2))
    assert len(marks) == MUTATIONS // 50 and not [mark for mark in marks if mark.state == EntryState.FAILED]
