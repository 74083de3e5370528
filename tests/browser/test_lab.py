"""JupyterLab in a browser: released labs open, « Run All » on a filled copy ends well, the playground answers.

TP 2 is the lab that is run, with the small budget: it has plots, and the playground.
"""

import json
import re

import nbformat
import pytest

from authoring.catalogue import Catalogue
from authoring.release import released
from grading import demo

LAB = "tp2_causal_lm"
RUN_SECONDS = 900  # a busy machine's
TRACEBACK = "Traceback (most recent call last)"


@pytest.fixture
def running(jupyter):
    """Start JupyterLab where kernels compute as in the tests: small budget, no network for models."""
    return lambda folder: jupyter(folder, COURSE_BUDGET="small", HF_HUB_OFFLINE="1")


def opened(page, server, name: str) -> None:
    page.goto(server.url(f"lab/tree/{name}?reset"))  # without the tabs of before
    page.wait_for_selector(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-CodeCell")
    page.wait_for_function("document.querySelector('.jp-Notebook-ExecutionIndicator')?.dataset.status === 'idle'")


def run_all(page, server, path) -> nbformat.NotebookNode:
    """« Run All », then « Save »; the notebook as it is on the disk."""
    cells = len(json.loads(path.read_text(encoding="utf-8"))["cells"])
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    page.wait_for_function(
        """([cells, traceback]) => {
            const all = [...document.querySelectorAll('.jp-Notebook .jp-Cell')];
            const code = all.filter(cell => cell.classList.contains('jp-CodeCell'));
            const outputs = [...document.querySelectorAll('.jp-OutputArea-output')];
            return outputs.some(output => output.textContent.includes(traceback)) ||
                all.length === cells && code.every(cell => {
                    const prompt = cell.querySelector('.jp-InputPrompt').textContent;
                    return /^\\[\\d+\\]:$/.test(prompt);
                });
        }""",
        arg=[cells, TRACEBACK],
        timeout=1000 * RUN_SECONDS,
    )
    # An error ends the run: no use in waiting for the cells that follow.
    assert page.locator(".jp-OutputArea-output", has_text=TRACEBACK).all_inner_texts() == []
    page.keyboard.press("Control+s")
    page.wait_for_function("!document.querySelector('.jp-mod-current.jp-mod-dirty')")
    for _ in range(240):
        notebook = nbformat.read(path, as_version=4)
        if all(cell.execution_count for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()):
            return notebook
        page.wait_for_timeout(250)
    pytest.fail("the notebook was not saved with its outputs")


@pytest.mark.timeout(RUN_SECONDS + 300)
def test_a_released_lab_opens(page, running, tmp_path, photograph):
    for name in Catalogue().names:
        (tmp_path / f"{name}.ipynb").write_bytes(released(Catalogue()[name]))
    with running(tmp_path) as server:
        for name in Catalogue().names:
            opened(page, server, f"{name}.ipynb")
            title = nbformat.read(tmp_path / f"{name}.ipynb", as_version=4).cells[0].source.splitlines()[0]
            shown = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) h1").first.inner_text()
            assert shown.rstrip("¶") == title.removeprefix("# ").replace("*", "")
            photograph(page, f"jupyterlab-{name}")
    assert page.abroad == []


@pytest.mark.timeout(RUN_SECONDS + 300)
def test_run_all_on_a_filled_copy_and_a_click_in_the_playground(page, running, tmp_path, photograph):
    student = demo.the_class(Catalogue()[LAB])[0]
    demo.hand_in(nbformat.reads(released(Catalogue()[LAB]).decode(), as_version=4), student, tmp_path, LAB)
    folder = tmp_path / "submitted" / student.name / LAB
    with running(folder) as server:
        opened(page, server, f"{LAB}.ipynb")
        notebook = run_all(page, server, folder / f"{LAB}.ipynb")
        outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
        assert [output.evalue for output in outputs if output.output_type == "error"] == []
        printed = "".join(output.text for output in outputs if output.output_type == "stream")
        assert "Points :" in printed and not re.findall(r"[❌⏳].*", printed)
        plots = sum("image/png" in output.get("data", {}) for output in outputs)
        shown = page.locator(".jp-OutputArea-output img")
        assert shown.count() >= plots > 0
        shown.first.scroll_into_view_if_needed()
        assert shown.first.evaluate("image => image.complete && image.naturalWidth > 100")
        photograph(page, "jupyterlab-figures")
        click_a_candidate(page, photograph)
    assert page.abroad == []


def click_a_candidate(page, photograph) -> None:
    """A click on the first candidate puts it at the end of the prompt, and the bars are drawn anew."""
    playground = page.locator(".jp-CodeCell:has(.widget-textarea)").first
    prompt, button = playground.locator("textarea").first, playground.locator("button.jupyter-button").first
    prompt.scroll_into_view_if_needed()
    bars = playground.locator(".jp-OutputArea-output img").first
    before, drawn, token = prompt.input_value(), bars.get_attribute("src"), button.inner_text()
    photograph(page, "jupyterlab-playground-avant")
    button.click()
    page.wait_for_function(
        "([area, image, before, drawn]) => area.value.length > before.length && image.isConnected === false || "
        "area.value.length > before.length && image.getAttribute('src') !== drawn",
        arg=[prompt.element_handle(), bars.element_handle(), before, drawn],
    )
    assert prompt.input_value().startswith(before) and prompt.input_value().endswith(token)
    page.wait_for_timeout(500)
    photograph(page, "jupyterlab-playground")
