"""`make site`: build/site/ for students, build/site-enseignant/ for teachers.

    python -m website.build [--budget small] [--edition student] [--to folder]

Labs are run where what is kept of them is out of date (`authoring.reference`); warnings of Sphinx are errors; the
built pages are then checked (`website.check`).  A site that fails leaves the former one in place.
"""

import argparse
import os
import re
import shutil
import sys
from pathlib import Path

from sphinx.cmd.build import build_main

from authoring.catalogue import Catalogue
from authoring.lab import LabError
from authoring.reference import BUDGETS
from utils.environment import ROOT
from website import check
from website.pages import EDITIONS, Shown, Site, read_labs

BUILD = ROOT / "build"
TARGETS = {"student": BUILD / "site", "teacher": BUILD / "site-enseignant"}
# The theme speaks English only.
FRENCH = {
    "Skip to content": "Aller au contenu",
    "Back to top": "Haut de page",
    "Toggle site navigation sidebar": "Afficher ou masquer le menu du site",
    "Toggle table of contents sidebar": "Afficher ou masquer le plan de la page",
    "Toggle Light / Dark / Auto color theme": "Couleurs : claires, sombres ou celles du système",
    "Made with ": "Fait avec ",
    "Sphinx</a> and ": "Sphinx</a> et ",
    "@pradyunsg</a>'s": "@pradyunsg</a>,",
    "On this page": "Sur cette page",
    "Hide navigation sidebar": "Masquer le menu",
    "Hide table of contents sidebar": "Masquer le plan",
    "Copyright &#169;": "",
}


def build(edition: str, labs: list[Shown], target: Path | None = None) -> list[str]:
    """Build one edition into `target`; what is wrong with it (an empty list: nothing, and it is in place)."""
    target = target or TARGETS[edition]
    work = BUILD / "site-work" / edition
    shutil.rmtree(work, ignore_errors=True)
    Site(edition, work / "source", labs).write()
    if build_main(["-q", "-W", "--keep-going", "-b", "html", "-c", str(Path(__file__).parent), "-t", edition,
                   "-d", str(work / "doctrees"), str(work / "source"), str(work / "html")]):  # fmt: skip
        return ["Sphinx found something wrong: see above"]
    for page in (work / "html").rglob("*.html"):
        page.write_text(finished(page.read_text(encoding="utf-8")), encoding="utf-8")
    shutil.rmtree(work / "html" / ".doctrees", ignore_errors=True)
    (work / "html" / ".buildinfo").unlink(missing_ok=True)
    found = check.faults(work / "html")
    if edition == "student":
        given = "\n".join(cell.source for lab in labs for cell in lab.release.cells)
        found += [f"secret: {leak}" for leak in check.leaks(work / "html", [lab.lab for lab in labs], given)]
    if not found:
        shutil.rmtree(target, ignore_errors=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(work / "html", target)
    return found


def finished(page: str) -> str:
    """A page in French throughout, whose scrolling boxes the keyboard reaches."""
    for english, french in FRENCH.items():
        page = page.replace(english, french)
    page = page.replace('class="caption" role="heading"', 'class="caption" role="heading" aria-level="2"')
    page = page.replace("<pre>", '<pre tabindex="0">')
    return re.sub(r'<div class="table-wrapper([^"]*)">', r'<div class="table-wrapper\1" tabindex="0">', page)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m website.build", description=__doc__.splitlines()[0])
    parser.add_argument("--budget", choices=BUDGETS, default="full")
    parser.add_argument("--edition", choices=EDITIONS, action="append", help="both by default")
    parser.add_argument("--to", type=Path, help="a folder for both sites, in the place of build/")
    options = parser.parse_args(arguments)
    problems = []
    try:
        labs = read_labs(Catalogue(), options.budget)
        for edition in options.edition or EDITIONS:
            target = options.to / TARGETS[edition].name if options.to else TARGETS[edition]
            found = build(edition, labs, target)
            problems += [f"{edition}: {problem}" for problem in found]
            if not found:
                print(f"{os.path.relpath(target)}/index.html")
    except LabError as error:
        problems.append(str(error))
    for problem in problems:
        print(f"[FAIL] {problem}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
