"""Picture of an executed notebook, for the README.

    python authoring/screenshot.py executed.ipynb docs/tp1.png --from "Adapter" --cells 6 --height 1000

Exports cells of the notebook to HTML (nbconvert) and photographs them with headless Chromium (Debian: `apt install
chromium fonts-noto-color-emoji`).  Nothing is executed here: what is shown is what the run left in the notebook.
"""

import argparse
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
from nbconvert import HTMLExporter

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


def chosen_cells(notebook: nbformat.NotebookNode, start: str, count: int | None) -> nbformat.NotebookNode:
    """The notebook with only `count` cells (all if None), from the first Markdown cell that contains `start`.

    Raises ValueError if no cell contains it, or if none of the cells chosen shows an image.
    """
    found = [i for i, cell in enumerate(notebook.cells) if cell.cell_type == "markdown" and start in cell.source]
    if not found:
        raise ValueError(f"no Markdown cell contains {start!r}")
    notebook.cells = notebook.cells[found[0] : None if count is None else found[0] + count]
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    if not any("image/png" in output.get("data", {}) for output in outputs):
        raise ValueError("none of these cells shows a plot: has the notebook been executed?")
    return notebook


def to_html(notebook: nbformat.NotebookNode) -> str:
    """One page that needs no network: neither MathJax nor the widgets' scripts are asked for."""
    exporter = HTMLExporter(template_name="lab", mathjax_url="", require_js_url="", jupyter_widgets_base_url="")
    page, _ = exporter.from_notebook_node(notebook)
    return page


def photograph(page: Path, png: Path, width: int, height: int) -> None:
    """Write `png`, `width` × `height` pixels of `page`; raises RuntimeError without a browser or a picture."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise RuntimeError(f"no browser found (looked for {', '.join(BROWSERS)})")
    png.parent.mkdir(parents=True, exist_ok=True)
    png.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as profile:
        command = [
            browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
            f"--user-data-dir={profile}", f"--window-size={width},{height}", "--virtual-time-budget=5000",
            f"--screenshot={png.resolve()}", page.resolve().as_uri(),
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if not png.exists():
        raise RuntimeError(f"{browser} made no picture:\n{done.stderr[-2000:]}")


def size_of(png: Path) -> tuple[int, int]:
    """(width, height) in pixels, from the file's header."""
    return struct.unpack(">II", png.read_bytes()[16:24])


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("notebook", type=Path, help="an executed notebook")
    parser.add_argument("png", type=Path)
    parser.add_argument("--from", dest="start", default="", help="text of the first Markdown cell to show")
    parser.add_argument("--cells", type=int, help="how many cells to show (default: all that fit)")
    parser.add_argument("--width", type=int, default=1000, help="pixels")
    parser.add_argument("--height", type=int, default=1100, help="pixels")
    options = parser.parse_args(arguments)
    notebook = nbformat.read(options.notebook, as_version=4)
    try:
        shown = chosen_cells(notebook, options.start, options.cells)
        with tempfile.TemporaryDirectory() as folder:
            page = Path(folder) / "page.html"
            page.write_text(to_html(shown), encoding="utf-8")
            photograph(page, options.png, options.width, options.height)
    except (ValueError, RuntimeError) as error:
        print(f"{options.notebook}: {error}", file=sys.stderr)
        return 1
    width, height = size_of(options.png)
    print(f"{options.png}: {width} × {height}, {options.png.stat().st_size // 1024} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
