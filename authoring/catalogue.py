"""The labs of a course, in teaching order."""

from collections.abc import Iterator
from pathlib import Path

from authoring.lab import Lab, LabError, course_url
from utils.environment import ROOT


class Catalogue:
    """The labs of the course in `root`: the folders of solutions/ that hold a source of their name."""

    def __init__(self, root: Path = ROOT):
        self.root = root

    @property
    def url(self) -> str:
        """The course's address."""
        return course_url(self.root)

    @property
    def names(self) -> list[str]:
        """In teaching order (lab.toml's), never alphabetical: tp10 comes after tp2."""
        return [lab.name for lab in self]

    def __iter__(self) -> Iterator[Lab]:
        scripts = (path for path in self.root.glob("solutions/*/*.py") if path.stem == path.parent.name)
        labs = [Lab(self.root, path.stem) for path in scripts]
        orders: dict[int, str] = {}
        for lab in labs:
            if other := orders.get(lab.settings.order):
                raise LabError(f"{other} and {lab.name} have the same order, {lab.settings.order}, in their lab.toml.")
            orders[lab.settings.order] = lab.name
        return iter(sorted(labs, key=lambda lab: lab.settings.order))

    def __getitem__(self, name: str) -> Lab:
        lab = Lab(self.root, name)
        if not lab.script.exists():
            raise LabError(f"unknown lab: {name} (labs: {', '.join(self.names)})")
        return lab

    def chosen(self, names: list[str]) -> list[Lab]:
        """The labs of these names, or all of them.  Raises `LabError` for a name that none has."""
        return [self[name] for name in names] if names else list(self)
