"""Every lab: the reference gets full marks, the untouched stub 0, each kept answer its points and its message."""

import ast

import pytest

from authoring import answers
from authoring.catalogue import Catalogue
from authoring.lab import LabError
from authoring.source import Source
from tests.toy_lab import copies
from utils.environment import DATA, ROOT
from utils.notebook import releases

# Checks of a class that the student writes: it cannot cross over, so they run in the student's kernel.
UNFIT = {"tp3_prompting": {"ex6_choice"}}


@pytest.mark.timeout(0)  # an answer that hangs is seen and killed by itself, however slow the machine
@pytest.mark.parametrize("lab", Catalogue(), ids=lambda lab: lab.name)
def test_kept_answers(lab):
    outcomes = list(answers.run(lab))
    for outcome in outcomes:
        print(answers.told(lab, outcome))
    problems = [answers.told(lab, outcome) for outcome in outcomes if outcome.problem]
    assert not problems, "\n".join(problems)
    kinds = [outcome.answer.kind for outcome in outcomes]
    assert kinds.count("untouched") == kinds.count("reference") > 0
    assert {outcome.exercise for outcome in outcomes if not outcome.apart} == UNFIT.get(lab.name, set())


@pytest.mark.parametrize("name", ["tp1_mlm", "tp2_causal_lm"])
def test_a_lab_knows_its_exercises_and_what_is_reserved(name):
    lab = Catalogue()[name]
    assert lab.points == 20
    assert [asked.title.split(" — ")[0] for asked in lab.exercises.values()] == [
        f"Exercice {i}" for i in range(1, len(lab.exercises) + 1)
    ]
    assert lab.hidden_lines and not any(line in given for line in lab.hidden_lines for given in lab.given)
    if name == "tp1_mlm":
        wordpiece = lab.exercises["ex1_wordpiece"]
        assert wordpiece.is_reserved("Deux cents mots de critiques tirés au sort")
        assert not wordpiece.is_reserved("Un mot impossible à découper donne [UNK]")


def test_labs_are_in_teaching_order(tmp_path, monkeypatch):
    """For their authors and for their students, who see other folders."""
    names = {"tp10_agents": 10, "tp0_quiz": 0, "tp2_causal_lm": 2}
    monkeypatch.setattr(releases, "NOTEBOOKS", tmp_path / "notebooks")
    assert copies(tmp_path, names).names == releases.labs() == ["tp0_quiz", "tp2_causal_lm", "tp10_agents"]


def test_the_order_is_that_of_the_settings_and_no_two_labs_have_the_same(tmp_path):
    assert copies(tmp_path / "a", {"tp1_a": 2, "tp2_b": 1}).names == ["tp2_b", "tp1_a"]
    with pytest.raises(LabError, match="same order, 1"):
        copies(tmp_path / "b", {"tp1_a": 1, "tp2_b": 1}).names  # noqa: B018  (read when it is asked for)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("order = 0", "order = 'first'", "order = 'first' is no int"),
        ("minutes = 10", "", "minutes is missing"),
        ("minutes = 10", "minutes = 10\nmodel = 3", "model is unknown"),
        ('fr = "Un TP d\'essai"', "", "title.fr is missing"),
        ("order = 0", "order = ", "cannot be read"),
    ],
)
def test_settings_that_break_a_rule_are_refused(toy, old, new, message):
    path = toy.folder / "lab.toml"
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(LabError, match=message):
        toy.settings  # noqa: B018  (read when it is asked for)


def test_the_title_of_a_lab_is_its_first_heading():
    assert {lab.name: lab.settings.title["fr"].replace("*", "") for lab in Catalogue()} == {
        lab.name: lab.title for lab in Catalogue()
    }


@pytest.mark.parametrize("lab", Catalogue(), ids=lambda lab: lab.name)
def test_the_places_that_a_lab_reads_are_there(lab):
    """`ROOT / "notebooks" / "fr"`, and what a `glob` of it finds: a demonstration would only fail when it is run."""
    cells = [cell.source for cell in lab.notebook.cells if cell.cell_type == "code"]
    nodes = [node for source in cells for node in ast.walk(ast.parse(Source(source).whole))]
    places = {ast.unparse(node): _place(node) for node in nodes}
    assert not [text for text, place in places.items() if place and not place.exists()]
    for node in nodes:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "glob":
            place = _place(node.func.value)
            assert not place or list(place.glob(ast.literal_eval(node.args[0]))), ast.unparse(node)


def _place(node):
    """The folder or file that `ROOT / "a" / "b"` is; None for anything else."""
    if isinstance(node, ast.Name):
        return {"ROOT": ROOT, "DATA": DATA}.get(node.id)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and isinstance(node.right, ast.Constant):
        above = _place(node.left)
        return above and above / node.right.value
    return None
