"""The README's picture: the right cells, no network, a clear error when there is nothing to show."""

import base64
import re

import nbformat
import pytest

from authoring import screenshot

BLUE_DOT = base64.b64encode(
    bytes.fromhex(
        "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
        "0000000c4944415408d763606060000000040001a3d5b5e40000000049454e44ae426082"
    )
).decode()


def notebook(*plots: bool) -> nbformat.NotebookNode:
    """Sections 1, 2, …: a title and a code cell each, with a plot where asked."""
    v4, cells = nbformat.v4, []
    for number, plot in enumerate(plots, start=1):
        outputs = [v4.new_output("display_data", data={"image/png": BLUE_DOT})] if plot else []
        cells += [v4.new_markdown_cell(f"## {number}. Été"), v4.new_code_cell("1 + 1", outputs=outputs)]
    return v4.new_notebook(cells=cells)


def test_the_cells_from_a_title_on():
    shown = screenshot.chosen_cells(notebook(False, True, True), "2.", 2)
    assert [cell.source for cell in shown.cells] == ["## 2. Été", "1 + 1"]


@pytest.mark.parametrize(
    ("plots", "start", "message"), [((True,), "9.", "no Markdown cell"), ((False,), "1.", "shows a plot")]
)
def test_nothing_to_show_is_an_error(plots, start, message):
    with pytest.raises(ValueError, match=message):
        screenshot.chosen_cells(notebook(*plots), start, None)


def test_the_page_asks_for_nothing_from_the_network():
    page = screenshot.to_html(notebook(True))
    assert "Été" in page
    assert not re.findall(r'(?:src|href)="(?:https?:)?//[^"]*"', page)


def test_a_picture_of_the_size_asked_for(tmp_path):
    if not any(map(screenshot.shutil.which, screenshot.BROWSERS)):
        pytest.skip("no Chromium here")
    nbformat.write(notebook(True), tmp_path / "done.ipynb")
    png = tmp_path / "new" / "picture.png"
    assert screenshot.main([str(tmp_path / "done.ipynb"), str(png), "--width", "800", "--height", "600"]) == 0
    assert screenshot.size_of(png) == (800, 600)
    assert png.stat().st_size > 3000  # a blank page of this size is smaller


def test_no_browser_is_said(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(screenshot, "BROWSERS", ("no-such-browser",))
    nbformat.write(notebook(True), tmp_path / "done.ipynb")
    assert screenshot.main([str(tmp_path / "done.ipynb"), str(tmp_path / "picture.png")]) == 1
    assert "no browser found" in capsys.readouterr().err
