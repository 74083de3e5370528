"""The site of a toy lab, both editions: what they show, what they hide, and that the checks see what is wrong."""

import copy
import json
import shutil

import nbformat
import pytest

from authoring import reference as run
from authoring.lab import Lab, LabError
from tests.toy_lab import LAB, TOY
from website import build, check, pages

SECRETS = ("the_answer_nobody_reads", "a secret test of zero", "Parce que le corrigé le dit ainsi")


def page(site, name: str) -> str:
    return (site / f"{name}.html").read_text(encoding="utf-8")


def test_students_see_the_results_and_nothing_secret(sites):
    lab = page(sites["student"], f"tp/{LAB}")
    assert "VOTRE CODE ICI" in lab and "double(3)" in lab
    assert "✅" in lab and "Points : 1,5 sur 1,5 (et 0,5 sur des tests" in lab  # what a right copy prints
    texts = [path.read_text(errors="ignore") for path in sites["student"].rglob("*") if path.is_file()]
    assert not [secret for secret in SECRETS for text in texts if secret in text]


def test_teachers_see_everything(sites):
    lab, rubric = page(sites["teacher"], f"tp/{LAB}"), page(sites["teacher"], f"baremes/{LAB}")
    assert all(secret in lab for secret in SECRETS) and "Points : 2 sur 2." in lab
    assert "0,5 / 2" in rubric and "squares" in rubric and "Dit pourquoi." in rubric


@pytest.mark.parametrize("edition", pages.EDITIONS)
def test_figures_tables_formulas_and_text(sites, edition):
    lab = page(sites[edition], f"tp/{LAB}")
    assert 'alt="Des carrés (1 courbe ; abscisse : nombre ; ordonnée : carré ; légende : carrés)."' in lab
    assert "exactitude" in lab and "<style scoped" not in lab
    assert lab.count("<math ") == 2 and "mathjax" not in lab.lower()
    assert "<script>alert(1)" not in lab and "ne fonctionne que dans le notebook" in lab
    assert "\n100 %" in lab or ">100 %" in lab  # a line that was written over
    assert "Skip to content" not in lab and "Aller au contenu" in lab
    assert "exactitude" in page(sites[edition], "mesures") and "3 / 3" in page(sites[edition], "mesures")


def test_the_notebook_to_download_is_the_released_one(sites):
    (path,) = (sites["student"] / "_downloads").rglob("*.ipynb")
    notebook = nbformat.read(path, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells)
    assert "VOTRE CODE ICI" in "".join(cell.source for cell in notebook.cells)


def test_the_search_knows_french(sites):
    index = (sites["student"] / "searchindex.js").read_text(encoding="utf-8")
    terms = json.loads(index[index.index("(") + 1 : index.rindex(")")])["terms"]
    assert "inégal" in terms  # the stem of « inégalité »


def test_a_run_is_kept_until_its_lab_changes(toy_course, tmp_path, monkeypatch):
    kept = toy_course[0].run
    path = tmp_path / f"{LAB}.small.ipynb"
    nbformat.write(kept, path)
    monkeypatch.setattr(run, "run", lambda *_: pytest.fail("ran again"))
    assert run.executed(toy_course[0].lab, "small", tmp_path).metadata.measures == kept.metadata.measures
    assert kept.metadata.measures.cpu_seconds > 0 and kept.metadata.measures.peak_bytes > 2**20
    lab = toy_course[0].lab
    source = lab.script
    before = source.read_text(encoding="utf-8")
    try:
        source.write_text(before + "\n# %%\n1\n", encoding="utf-8")
        with pytest.raises(pytest.fail.Exception, match="ran again"):
            run.executed(Lab(lab.root, LAB), "small", tmp_path)
    finally:
        source.write_text(before, encoding="utf-8")


def test_a_reference_that_fails_stops_the_site(toy_course):
    source = copy.deepcopy(toy_course[0].lab.notebook)
    cell = next(c for c in source.cells if "the_answer_nobody_reads" in c.source)
    right = cell.source
    cell.source = right.replace("2 * x", "3 * x")
    with pytest.raises(LabError, match="does not pass its own checks"):
        run.run(source, "small", LAB)
    cell.source = right.replace("def double", "def twice")
    source.cells.insert(0, nbformat.v4.new_code_cell("1 / 0"))
    with pytest.raises(LabError, match="ZeroDivisionError"):
        run.run(source, "small", LAB)


@pytest.mark.parametrize(
    "broken, message",
    [
        ('<a href="absente.html">x</a>', "broken link: absente.html"),
        ('<a href="index.html#nulle-part">x</a>', "no such place"),
        ('<img src="_static/x.png">', "without alternative text"),
        ('<script src="https://ailleurs.example/x.js"></script>', "loaded from elsewhere"),
        ('<link rel="stylesheet" href="//ailleurs.example/x.css">', "loaded from elsewhere"),
    ],
)
def test_the_checks_see_what_is_wrong(tmp_path, broken, message):
    (tmp_path / "index.html").write_text(f"<html><body>{broken}</body></html>", encoding="utf-8")
    assert any(message in fault for fault in check.faults(tmp_path))


def test_a_leak_is_seen_through_colours_and_markdown(sites, tmp_path):
    site = tmp_path / "site"
    shutil.copytree(sites["student"], site)
    assert check.leaks(site, [TOY]) == []
    shutil.copy(sites["teacher"] / "tp" / f"{LAB}.html", site / "tp" / "oubli.html")
    found = check.leaks(site, [TOY])
    assert any("the_answer_nobody_reads" in leak for leak in found) and any("Parce que" in leak for leak in found)


def test_a_link_to_nothing_stops_the_pages(toy_course, tmp_path):
    site = pages.Site("student", tmp_path, toy_course)
    with pytest.raises(LabError, match="leads nowhere"):
        site.links("[x](absent.md)", pages.ROOT / "README.md")
    assert site.links("[x](https://a.example/b)", pages.ROOT / "README.md") == "[x](https://a.example/b)"
    assert "/blob/main/utils/student/doctor.py" in site.links("[x](utils/student/doctor.py)", pages.ROOT / "README.md")
    assert "/blob/" not in site.links("```\n[x](utils/student/doctor.py)\n```", pages.ROOT / "README.md")


def test_a_warning_is_an_error(toy_course, monkeypatch, tmp_path):
    monkeypatch.setattr(pages.Site, "_measures", lambda self: "# x\n\n{absent}`y`")
    assert build.build("student", toy_course, tmp_path / "site") == ["Sphinx found something wrong: see above"]
    assert not (tmp_path / "site").exists()
