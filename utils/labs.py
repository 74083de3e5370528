"""What students' tools know of the labs, and what each lab needs: notebooks/labs.json, made from every lab.toml.

    python -m utils.labs fetch [lab …]     the models and corpora of these labs (of all by default)
    python -m utils.labs extras [lab …]    the names of their extras of pyproject.toml, for `make`

Nothing is imported at the top but the standard library: `make` asks for the extras before anything is installed.
"""

import argparse
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from utils.environment import ROOT
from utils.language import _

INDEX = ROOT / "notebooks" / "labs.json"


@dataclass(frozen=True)
class Needs:
    """A lab by name, its titles by language, and what it asks for; `memory`: GiB at its peak, None if not measured."""

    name: str
    title: dict[str, str]
    models: tuple[str, ...] = ()
    corpora: tuple[str, ...] = ()
    extra: str = ""
    memory: float | None = None


def read(path: Path | None = None) -> list[Needs]:
    """Every lab of an index (of the course's), in teaching order.  Raises `FileNotFoundError`."""
    tuples = ("models", "corpora")
    found = json.loads((path or INDEX).read_text(encoding="utf-8"))
    return [Needs(**{key: tuple(value) if key in tuples else value for key, value in lab.items()}) for lab in found]


def written(labs: list[Needs]) -> str:
    """The text of the index."""
    return json.dumps([asdict(lab) for lab in labs], indent=1, ensure_ascii=False) + "\n"


def chosen(names: list[str]) -> list[Needs]:
    """The labs of these names, or all of them.  Raises `ValueError` for a name that none has."""
    labs = read()
    known = [lab.name for lab in labs]
    if unknown := [name for name in names if name not in known]:
        message = _("TP inconnu : {names} (TP du cours : {known}).")
        raise ValueError(message.format(names=", ".join(unknown), known=", ".join(known)))
    return [lab for lab in labs if lab.name in names] if names else labs


def users(labs: list[Needs], kind: str) -> dict[str, list[str]]:
    """The names of models, corpora or extras, each with the labs that ask for it; `kind`: a field of `Needs`."""
    found: dict[str, list[str]] = {}
    for lab in labs:
        asked = getattr(lab, kind)
        for name in [asked] * bool(asked) if isinstance(asked, str) else asked:
            found.setdefault(name, []).append(lab.name)
    return found


def fetch(labs: list[Needs]) -> int:
    """Bring the models and corpora of these labs; returns the exit code."""
    from utils import corpora, models

    failed = 0
    for kind, module in {"models": models, "corpora": corpora}.items():
        if names := list(users(labs, kind)):
            failed |= module.main(["fetch", *names])
    return failed


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m utils.labs", description=_("Ce que les TP demandent."))
    parser.add_argument("action", choices=["fetch", "extras"])
    parser.add_argument("labs", nargs="*", metavar=_("tp"), help=_("tous par défaut"))
    options = parser.parse_args(arguments)
    try:
        labs = chosen(options.labs)
    except ValueError as error:
        parser.error(str(error))
    if options.action == "fetch":
        return fetch(labs)
    print(*users(labs, "extra"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
