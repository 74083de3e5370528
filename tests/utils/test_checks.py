"""The three outcomes, partial credit, messages, and values that are made plain before they are compared."""

import asyncio
import json

import numpy as np
import pytest
import torch
from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from utils import outcome
from utils.checks import (
    Mismatch,
    Report,
    ToDo,
    attempt,
    expect,
    expect_close,
    expect_equal,
    expect_shape,
    expect_type,
    plain,
    proportion_margin,
)
from utils.outcome import State


def run(*tests, points=3.0):
    """A report with one test per function given, one point each."""
    report = Report("Exercice 0", points=points)
    for i, function in enumerate(tests):
        with report.test(f"test {i}", points=1):
            function()
    return report


def fail():
    expect(False, "obtenu : rien")


def stub():
    raise ToDo


def test_right_wrong_and_partial_credit(capsys):
    assert run(lambda: None, fail, lambda: None).score() == 2.0
    out = capsys.readouterr().out
    assert out.count("✅") == 2 and out.count("❌") == 1 and "obtenu : rien" in out
    assert "Points : 2 sur 3." in out


def test_an_untouched_stub_is_not_called_wrong(capsys):
    assert run(stub, stub).score() == 0.0
    out = capsys.readouterr().out
    assert "pas encore traité (3 points à gagner)" in out and "❌" not in out and "✅" not in out


def test_one_function_of_two_counts(capsys):
    report = run(lambda: None, stub, fail)
    assert report.score() == 1.0 and report.attempted
    out = capsys.readouterr().out
    assert "⏳ 0/1  test 2\n         pas encore traité" in out or "⏳ 0/1  test 1\n         pas encore traité" in out
    assert out.count("✅") == 1 and out.count("❌") == 1 and "Points : 1 sur 3." in out


def test_hidden_points_are_announced(capsys):
    assert run(lambda: None, points=1.5).score() == 1.0
    assert "0,5 sur des tests que seule la correction exécute" in capsys.readouterr().out


@pytest.mark.parametrize("error", [ZeroDivisionError("x"), SystemExit(1), RecursionError(), KeyError("clé")])
def test_nothing_of_the_student_escapes(error, capsys):
    def crash():
        raise error

    assert run(crash).score() == 0.0
    captured = capsys.readouterr()
    assert type(error).__name__ in captured.out and captured.err == ""


class Silent(Mismatch):
    """An exception whose text is a surprise, as a student may write one."""

    def __init__(self, text):
        self.text = text

    def __str__(self):
        if isinstance(self.text, BaseException):
            raise self.text
        return self.text


class Text(str):
    def __eq__(self, other):
        return True

    __hash__ = str.__hash__

    def splitlines(self):
        return []


def stopped(error):
    def stop():
        raise error

    return stop


@pytest.mark.parametrize(
    "error",
    [
        Mismatch(""), Mismatch(), AssertionError(""), Exception(""), Silent(""), Silent(Text("")), Silent(SystemExit()),
        Silent(ZeroDivisionError()), Silent(BaseException()), Silent(3), GeneratorExit(), BaseException(),
        StopIteration(), StopAsyncIteration(), ExceptionGroup("", [Mismatch("")]), asyncio.CancelledError(),
    ],
    ids=repr,
)  # fmt: skip
def test_only_a_block_that_reaches_its_end_passes(error, capsys):
    report = run(stopped(error), lambda: None)
    assert [result.state for result in report.results] == [State.WRONG, State.RIGHT]
    assert report.score() == 1.0 and report.results[0].message
    assert "❌ 0/1  test 0" in capsys.readouterr().out


def test_a_test_that_needs_the_first_one_fails_when_that_one_failed_without_a_word(capsys):
    report = run(stopped(Mismatch("")))
    with report.test("needs the first", points=1):
        report.requires_first()
    assert report.score() == 0.0 and "Ce test attend que le premier passe." in capsys.readouterr().out


def test_a_block_left_by_return_is_a_block_that_ended():
    report = Report("Exercice 0", points=2)

    def leave():
        with report.test("left", points=1):
            return

    def abandoned():
        with report.test("abandoned", points=1):
            yield

    leave()
    paused = abandoned()
    next(paused)
    paused.close()  # as when a check is a generator that nobody reads to its end
    assert [result.state for result in report.results] == [State.RIGHT, State.WRONG] and report.earned == 1.0


def test_an_interrupt_is_not_swallowed():
    def interrupt():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(interrupt)


def data_of(*tests, points=3.0):
    """What a report of these tests shows, through a notebook's shell."""
    shell = InteractiveShell()
    with pytest.MonkeyPatch.context() as patch, capture_output() as captured:
        patch.setattr("IPython.get_ipython", lambda: shell)
        patch.setattr(shell, "display_pub", CapturingDisplayPublisher())
        run(*tests, points=points).score()
        [shown] = shell.display_pub.outputs
    assert shown["data"]["text/plain"] == "" and captured.stdout
    return json.loads(json.dumps(shown["data"][outcome.MIME]))


def test_the_outcome_is_shown_as_data():
    bundle = data_of(lambda: None, lambda: expect_equal(1, 2, "x"), stub, points=4)
    assert bundle == {
        "exercise": "Exercice 0", "points": 4, "attempted": True, "tests": [
            {"title": "test 0", "state": "right", "points": 1, "of": 1, "message": "", "code": "", "where": "",
             "again": False},
            {"title": "test 1", "state": "wrong", "points": 0, "of": 1, "message": "x — obtenu : 1\nattendu : 2",
             "code": "value", "where": "", "again": False},
            {"title": "test 2", "state": "untouched", "points": 0, "of": 1, "message": "pas encore traité",
             "code": "untouched", "where": "", "again": False},
        ],
    }  # fmt: skip
    assert data_of(stub, stub)["attempted"] is False


def test_what_is_read_back_is_what_was_shown():
    cell = {"outputs": [{"output_type": "display_data", "data": {outcome.MIME: data_of(lambda: None, fail, stub)}}]}
    assert outcome.shown_by(cell) == run(lambda: None, fail, stub).outcome


@pytest.mark.parametrize(
    "bundle",
    [3, [], {}, {"exercise": "E", "points": 1, "tests": 3}, {"exercise": "E", "points": "x", "tests": []},
     {"exercise": "E", "points": 1, "tests": [{}]}, {"exercise": "E", "points": 1, "tests": [None]},
     data_of(fail) | {"tests": [data_of(fail)["tests"][0] | {"state": "perfect"}]}],
)  # fmt: skip
def test_what_no_check_shows_is_no_outcome(bundle):
    assert outcome.shown_by({"outputs": [{"data": {outcome.MIME: bundle}}]}) is None


def test_nothing_but_text_outside_a_notebook(capsys):
    run(fail).score()
    assert outcome.MIME not in capsys.readouterr().out and "application/" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("check", "code"),
    [
        (lambda: expect(False, "non"), "condition"), (lambda: expect(False, "non", code="special"), "special"),
        (lambda: expect_type(1, str), "type"), (lambda: expect_equal(None, 1), "none"),
        (lambda: expect_equal(1, 2), "value"), (lambda: expect_equal(1, 2, code="off_by_one"), "off_by_one"),
        (lambda: expect_close([1.0], [1.0, 2.0], 1), "shape"), (lambda: expect_close(float("inf"), 1, 1), "not_finite"),
        (lambda: expect_close(1, 2, 0.5), "value"), (lambda: expect_close("a", 2, 0.5), "type"),
        (lambda: expect_shape(torch.zeros(2), (3,)), "shape"), (lambda: plain(object()), "type"),
        (lambda: 1 / 0, "error:ZeroDivisionError"), (stub, "untouched"), (lambda: None, ""),
        (stopped(Silent("x")), "error:Silent"), (stopped(Mismatch("")), "error:Mismatch"),
    ],
)  # fmt: skip
def test_each_kind_of_message_has_a_code(check, code):
    assert run(check).outcome.tests[0].code == code
    assert outcome.Code.is_general(code) == (code not in ("special", "off_by_one"))


class Always:
    """An object that equals everything."""

    def __eq__(self, other):
        return True

    def __bool__(self):
        return True

    __hash__ = object.__hash__


class Likeable(float):
    def __eq__(self, other):
        return True

    __hash__ = float.__hash__


class Agreeable(np.ndarray):
    pass


@pytest.mark.parametrize(
    "value", [Always(), Likeable(1), [Always()], {"a": Likeable(2)}, np.zeros(2).view(Agreeable), lambda: 1]
)
def test_an_object_that_equals_everything_does_not_pass(value):
    for compare in (
        lambda: expect_equal(value, 1.0),
        lambda: expect_close(value, 1.0, 1e9),
        lambda: expect(value, "non"),
    ):
        with pytest.raises(Mismatch):
            compare()


def test_plain_values_keep_their_content():
    assert plain({"a": (1, [2.5, None, "b", True])}) == {"a": (1, [2.5, None, "b", True])}
    assert type(plain(np.float32(0.5))) is float and type(plain(np.bool_(True))) is bool
    tensor = torch.arange(3.0, requires_grad=True)
    assert plain(tensor).tolist() == [0, 1, 2] and type(plain(tensor)) is np.ndarray
    assert plain(torch.ones(2, dtype=torch.bfloat16)).tolist() == [1, 1]


@pytest.mark.parametrize(
    ("check", "message"),
    [
        (
            lambda: expect_close(1.0, 2.0, 0.5, "x", "indice"),
            "obtenu : 1 ; attendu : 2.*plus grand écart : 1.*\nindice",
        ),
        (lambda: expect_close([1, 2], [1, 5], 0.1, "x"), r"position \(1,\)"),
        (lambda: expect_close([1.0], [1.0, 2.0], 1, "x"), r"forme \(1,\) ; forme attendue : \(2,\)"),
        (lambda: expect_close(float("nan"), 1, 1, "x"), "indéfinies"),
        (lambda: expect_close(None, 1, 1, "x"), "return"),
        (lambda: expect_close("texte", 1, 1, "x"), "pas un nombre"),
        (lambda: expect_equal([1], [2], "x"), r"obtenu : \[1\]\nattendu : \[2\]"),
        (lambda: expect_equal(1, 1.0, "x"), "obtenu : 1"),
        (lambda: expect_equal(True, 1, "x"), "obtenu : True"),
        (lambda: expect_type(1, str, "x"), "type int ; type attendu : str"),
        (lambda: expect_type(None, str, "x"), "return"),
        (lambda: expect_shape(torch.zeros(2, 3), (3, 2), "x"), r"forme \(2, 3\) ; forme attendue : \(3, 2\)"),
    ],
)
def test_messages_diagnose(check, message):
    with pytest.raises(Mismatch, match=message):
        check()


def test_equal_values_pass():
    expect_close(torch.tensor([1.0]), [1.0000001], 1e-5)
    expect_equal(["a", ("b",)], ["a", ("b",)])
    expect(torch.tensor(True), "non")


def test_margin_covers_a_fair_coin_and_not_a_biased_one():
    n, margin = 20_000, proportion_margin(0.5, 20_000)  # 5 sigmas: 0.0177
    for seed in range(20):
        draws = np.random.default_rng(seed).random(n)
        assert abs((draws < 0.5).mean() - 0.5) < margin
        assert abs((draws < 0.54).mean() - 0.5) > margin  # 0.54 is more than 11 sigmas away


def test_a_demonstration_waits_for_the_exercise(capsys):
    with attempt("Exercice 3"):
        stub()
    assert "Exercice 3 : pas encore traité" in capsys.readouterr().out
    with attempt("Exercice 3"):
        raise ValueError
    out = capsys.readouterr().out
    assert "corrigez d'abord l'exercice" in out and "ValueError" in out


def test_another_not_implemented_error_is_a_mistake(capsys):
    report = Report("Exercice 1", points=1)
    with report.test("masque", points=1):
        torch.ones(2) & torch.ones(2, dtype=torch.bool)  # torch raises NotImplementedError
    assert report.score() == 0.0
    with report.test("une phrase", points=1):
        raise NotImplementedError("pas encore traité")  # no sentence decides
    assert [test.state for test in report.results] == [State.WRONG, State.WRONG] and report.score() == 0.0
    out = capsys.readouterr().out
    assert "NotImplementedError" in out and "❌" in out and "⏳" not in out


def test_the_same_message_is_told_once(capsys):
    report = Report("Exercice 1", points=2)
    for wrong in (True, True, False, False):
        with report.test("faux", points=0.5):
            {}["clé"] if wrong else None
    report.score()
    out = capsys.readouterr().out
    assert out.count("KeyError") == 1 == out.count("même message que ci-dessus")


def test_a_missing_name_says_to_look_at_its_spelling_and_at_the_cells_above(capsys):
    report = Report("Exercice 1", points=1)
    with report.test("absent", points=1):
        absent  # noqa: B018, F821
    report.score()
    out = capsys.readouterr().out
    assert "Le nom 'absent' n'existe pas ici" in out and "cellule au-dessus, exécutez-la d'abord" in out


def test_a_test_that_needs_another_ends_as_that_one_did(capsys):
    for first, mark, told in ((stub, "⏳", None), (fail, "❌", "attend que le premier"), (lambda: None, "✅", "")):
        report = Report("Exercice 1", points=2)
        with report.test("the first", points=1):
            first()
        with report.test("the second", points=1):
            report.requires_first()
        report.score()
        out = capsys.readouterr().out
        if told is None:  # neither was attempted
            assert "⏳ Exercice 1 : pas encore traité" in out and "❌" not in out
        else:
            assert out.count(mark) and told in out


def test_a_test_worth_no_point_shows_none(capsys):
    report = Report("Exercice 1", points=8, advice="Remplissez le dictionnaire.")
    with report.test("lisible", points=0):
        expect(False, "illisible")
    assert report.score() == 0
    out = capsys.readouterr().out
    assert "  ❌ lisible\n         illisible" in out and "0/0" not in out
    assert "Points : 8, donnés à la correction" in out
    untouched = Report("Exercice 1", points=8, advice="Remplissez le dictionnaire.")
    with untouched.test("lisible", points=0):
        stub()
    untouched.score()
    out = capsys.readouterr().out
    assert "Remplissez le dictionnaire." in out and "raise" not in out


def test_the_line_shown_is_the_students_and_not_the_checks(capsys):
    import linecache

    def cell(name, source, namespace):
        linecache.cache[name] = (len(source), None, source.splitlines(True), name)
        exec(compile(source, name, "exec"), namespace)

    namespace = {"Report": Report}
    cell("<answer>", "def f(x):\n    return x / 0\n", namespace)
    check = "report = Report('E', points=1)\nwith report.test('t', points=1):\n    g(f)\nreport.score()\n"
    cell("<check>", check.replace("g(f)", "f(1)"), namespace)
    assert "à la ligne 2 de la cellule : return x / 0" in capsys.readouterr().out
    cell("<check>", check.replace("g(f)", "None > 1"), namespace)
    assert "pendant la vérification, avec ce que votre fonction a renvoyé" in capsys.readouterr().out
