"""A toy lab: two exercises in code (one with a hidden test and partial credit) and one in words; no heavy import."""

import shutil
from pathlib import Path

from authoring.catalogue import Catalogue
from authoring.lab import Lab

LAB = "tp0_toy"
TOY = Catalogue(Path(__file__).resolve().parent / "toy_course")[LAB]  # not to be written to
SOURCE = TOY.script.read_text(encoding="utf-8")


def copy_to(root: Path, more: str = "") -> Lab:
    """The toy lab as the only lab of a course in `root`, to do what one likes with; `more`: cells at its end."""
    shutil.copytree(TOY.root, root, dirs_exist_ok=True)
    lab = Lab(root, LAB)
    lab.script.write_text(SOURCE + more, encoding="utf-8")
    return lab


def rewritten(lab: Lab, old: str, new: str) -> Lab:
    """The lab once `new` stands in the place of `old` in its source."""
    assert old in SOURCE
    lab.script.write_text(SOURCE.replace(old, new), encoding="utf-8")
    return Lab(lab.root, lab.name)


def copies(root, orders: dict[str, int]) -> Catalogue:
    """A course of copies of the toy lab, by name and order, and of empty releases."""
    for name, order in orders.items():
        folder = root / "solutions" / name
        shutil.copytree(TOY.folder, folder)
        (folder / f"{TOY.name}.py").rename(folder / f"{name}.py")
        settings = (folder / "lab.toml").read_text().replace("order = 0", f"order = {order}")
        (folder / "lab.toml").write_text(settings)
        release = root / "notebooks" / "fr" / name / f"{name}.ipynb"
        release.parent.mkdir(parents=True)
        release.write_text("")
    return Catalogue(root)
