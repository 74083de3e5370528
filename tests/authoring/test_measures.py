"""Figures in a lab's text: from a measuring run, as each language writes them, and never made up."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from authoring import language, measures, reference, release
from authoring.lab import Lab, LabError
from authoring.measures import FigureError, Measure, record
from tests.toy_lab import LAB, SOURCE, TOY, rewritten
from utils.measures import MIME

FIGURES = {"recall": 0.714, "n": 1229, "gap": -0.426, "gain": [0.25, 0.14, 0.37], "computing": "6 à 8 min"}
RUN, LATER = Measure("AMD EPYC", 2, 480.0, 3.46), Measure("AMD EPYC", 2, 30.0, 1.0)


def filled(source: str, language: str = "fr", cell=new_markdown_cell) -> str:
    cell = cell(source)
    measures.fill([cell], FIGURES, language)
    return cell.source


@pytest.mark.parametrize(
    ("text", "french", "english"),
    [
        ("{{n}}", "1229", "1229"),
        ("{{n:,}}", "1\u202f229", "1,229"),
        ("{{recall}}", "0,714", "0.714"),
        ("{{recall:.0%}} de {{n}}", "71\u00a0% de 1229", "71% de 1229"),
        ("{{gap:.2f}} ou {{gap:+.1f}}", "−0,43 ou −0,4", "−0.43 ou −0.4"),
        ("{{gain[0]:+.2f}} {{gain[1:]:+.2f}}", "+0,25 [+0,14\u00a0; +0,37]", "+0.25 [+0.14, +0.37]"),
        ("{{gain:.0%}}", "[25\u00a0%\u00a0; 14\u00a0%\u00a0; 37\u00a0%]", "[25%, 14%, 37%]"),
        ("en {{computing}}", "en 6 à 8 min", "en 6 à 8 min"),
        ("{recall} et {{ recall }}", "{recall} et {{ recall }}", "{recall} et {{ recall }}"),
    ],
)
def test_a_language_writes_them_as_it_does(text, french, english):
    assert filled(text, "fr") == french
    assert filled(text, "en") == english


def test_in_code_only_comments_are_text():
    code = 'x = f"{{recall:.0%}}"  # soit {{recall:.0%}}\n# {{n}} cas\n"""{{n}}"""\n'
    expected = 'x = f"{{recall:.0%}}"  # soit 71\u00a0%\n# 1229 cas\n"""{{n}}"""\n'
    assert filled(code, cell=new_code_cell) == expected
    cell = new_code_cell('"{{one}}"  # {{two}}')
    assert measures.named([cell]) == {"two"}
    assert measures.faults([cell], {}, "fr") == [f"cell {cell.id}: {{{{two}}}}: no run has measured it"]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{{absent:.0%}}", "{{absent:.0%}}: no run has measured it"),
        ("{{gain[3]}}", "has no value 3"),
        ("{{n[0]}}", "has no value 0"),
        ("{{recall:d}}", "0.714 cannot be written so"),
        ("{{computing:.0%}}", "cannot be written so"),
    ],
)
def test_what_cannot_be_written_stays_and_is_said(text, fault):
    assert filled(text) == text
    (said,) = measures.faults([new_markdown_cell(text)], FIGURES, "fr")
    assert fault in said


# ---------------------------------------------------------------------------------------------------------- the file
def test_a_run_takes_the_place_of_those_of_its_machine_and_figures_of_all_figures(tmp_path):
    record(tmp_path, RUN, {"b": 1, "a": [0.5, 0.25]})
    record(tmp_path, Measure("Intel Xeon", 2, 65.0, 3.1), {"a": [0.5, 0.75]})
    record(tmp_path, LATER, {"a": [0.5, 0.125]})
    found = measures.read(tmp_path)
    assert found.runs == [LATER, Measure("Intel Xeon", 2, 65.0, 3.1)] and found.figures == {"a": [0.5, 0.125]}
    assert '"a": [0.5, 0.125]' in measures.path_in(tmp_path).read_text()
    record(tmp_path, None, {"c": 2})
    assert measures.read(tmp_path).runs == found.runs and measures.read(tmp_path).figures == {"c": 2}


def test_a_lab_that_nobody_has_measured_has_neither(tmp_path):
    assert measures.read(tmp_path) == measures.Measures([], {})


@pytest.mark.parametrize("name", ["setup", "handin", "COURSE_URL", "lab", "duration", "points", "memory"])
def test_a_name_of_every_lab_cannot_be_taken(tmp_path, name):
    with pytest.raises(FigureError, match=name):
        record(tmp_path, RUN, {name: 1})
    assert not measures.path_in(tmp_path).exists()


# ------------------------------------------------------------------------------------------------ what every lab has
def test_what_every_lab_has_is_in_its_text_without_a_run(toy):
    lab = rewritten(toy, "du total", "du total en {{duration}}, {{points}} points, {{computing}}, {{memory}}")
    assert lab.notebook.cells[-1].source.endswith("en 10 min, 5 points, pas encore mesuré, pas encore mesuré.")
    record(lab.folder, RUN, {"sixth": 1 / 6})
    assert Lab(lab.root, LAB).notebook.cells[-1].source.endswith("en 10 min, 5 points, 8 min, 3,5 Gio.")


# -------------------------------------------------------------------------------------------------------- the release
def test_a_release_shows_plain_numbers_in_both_languages():
    french, english = (
        nbformat.reads(release.released(TOY, language).decode(), as_version=4) for language in ("fr", "en")
    )
    assert french.cells[-1].source == "Dans notre exécution, 16,7\u00a0% du total."
    assert english.cells[-1].source == "In our run, 16.7% of the total."


def test_a_figure_that_no_run_has_measured_stops_the_release_but_not_the_run(toy, capsys, monkeypatch):
    lab = rewritten(toy, "{{sixth:.1%}}", "{{fifth:.1%}}")
    with pytest.raises(LabError) as error:
        release.released(lab)
    for told in (LAB, "cell result", "{{fifth:.1%}}", f"make measure LAB={LAB}"):
        assert told in str(error.value)
    assert "{{fifth:.1%}}" in lab.notebook.cells[-1].source  # what a measuring run executes
    assert lab.unquoted == ["sixth"]


def test_a_figure_that_no_text_quotes_is_a_warning(toy, capsys, monkeypatch):
    record(toy.folder, RUN, {"sixth": 1 / 6, "spare": 1})
    monkeypatch.setattr(release, "Catalogue", lambda: type("Course", (), {"chosen": lambda _, __: [toy]})())
    assert release.main([]) == 0
    assert f"[WARN] {LAB}: measured, and named nowhere in its text: spare" in capsys.readouterr().out


@pytest.mark.parametrize("english", ["In our run, {{sixth:.0%}}.", "In our run, 16.7%.", "In our run, {{sixth}}."])
def test_a_translation_keeps_the_names_and_their_formats(english):
    catalogue = language.read(TOY.catalogue_path("en"))
    (entry,) = [entry for entry in catalogue if "{{" in entry.msgid]
    assert language.check(SOURCE, catalogue) == []
    entry.msgstr = english
    assert any("fields lost: {{sixth:.1%}}" in fault for fault in language.check(SOURCE, catalogue))


def test_the_text_between_two_figures_is_compared_too():
    source = "# %% [markdown]\n# De {{a}} à 12 cases, puis {{b}}.\n"
    catalogue = language.update(source, language.new_catalogue())
    catalogue[0].msgstr, catalogue[0].flags = "From {{a}} to 13 cells, then {{b}}.", []
    assert any("numbers" in fault for fault in language.check(source, catalogue))


# ------------------------------------------------------------------------------------------------------------ the run
def test_a_measuring_run_collects_what_cells_hand_over(toy):
    measures.path_in(toy.folder).unlink()
    found = reference.measure(toy)
    kept = measures.read(toy.folder)
    assert kept.runs == [found] and kept.figures == {"sixth": 0.166667}
    assert measures.written(kept.figures["sixth"], ".1%", "fr") == "16,7\u00a0%"
    reference.measure(toy, took=False)
    assert measures.read(toy.folder) == kept


def test_another_run_collects_nothing(toy):
    assert reference.handed_over(reference.run(toy.notebook, "small")) == {}


def test_a_name_is_measured_once():
    output = new_output("display_data", {MIME: {"n": 1}})
    cells = [new_code_cell(id=name, outputs=[output]) for name in ("first", "second")]
    with pytest.raises(LabError, match="second: .*'n'"):
        reference.handed_over(new_notebook(cells=cells))
