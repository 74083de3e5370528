"""Write the sources of a site (MyST Markdown) from the labs as they were run, the cards and the documents.

Two editions.  "student": the released cells, with the outputs of the reference run for the given, demonstration and
check cells, never a solution nor a hidden test.  "teacher": the solutions, the hidden tests, the answers kept with
their marks, docs/*.md and the labs' session plans.
"""

import base64
import html
import os
import re
import shutil
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path

import nbformat

from authoring.answers import read_answers
from authoring.catalogue import Catalogue
from authoring.lab import Lab, LabError, course_url
from authoring.reference import EXECUTED, executed, points
from authoring.release import released
from authoring.source import Source
from utils.environment import ROOT
from utils.files import natural

EDITIONS = ("student", "teacher")
INTERACTIVE = "*Cet élément interactif ne fonctionne que dans le notebook.*"
LABELS = {
    "student": {"solution": "À vous d'écrire", "answer": "À vous de répondre", "check": "Vérification, avec ce qu'affiche une copie juste"},
    "teacher": {"solution": "Corrigé", "answer": "Corrigé", "check": "Vérification, tests cachés compris"},
}  # fmt: skip


@dataclass
class Shown:
    """A lab as the site shows it: its run, and the notebook that students get."""

    lab: Lab
    run: nbformat.NotebookNode
    release: nbformat.NotebookNode

    @property
    def name(self) -> str:
        return self.lab.name

    @property
    def title(self) -> str:
        first = re.search(r"^# (.+)$", self.run.cells[0].source, re.MULTILINE)
        return first.group(1) if first else self.name


def read_labs(catalogue: Catalogue, budget: str, folder: Path = EXECUTED) -> list[Shown]:
    """Every lab of the course, run if it must be; raises LabError if there is none."""
    found = [
        Shown(lab, executed(lab, budget, folder), nbformat.reads(released(lab).decode(), as_version=4))
        for lab in catalogue
    ]
    if not found:
        raise LabError(f"no lab in {catalogue.root / 'solutions'}.")
    return found


@dataclass
class Site:
    """The sources of one edition, in `folder`; `pages` says which file of the repository became which page."""

    edition: str
    folder: Path
    labs: list[Shown]
    pages: dict[Path, str] = field(default_factory=dict)

    def write(self) -> None:
        """Write every page; raises LabError for a link to a file that does not exist."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        cards = [*ROOT.glob("data/cards/*.md"), *ROOT.glob("data/*/README.md")]
        cards.sort(key=lambda path: (path.name == "README.md", natural(path.as_posix())))  # the labs' own come last
        documents = sorted(ROOT.glob("docs/*.md")) if self.edition == "teacher" else []
        documents.sort(key=lambda path: path.name != "teacher-guide.md")  # the guide first, where there is one
        if self.edition == "teacher":
            documents += [plan for lab in self.labs if (plan := lab.lab.folder / "plan.md").exists()]
            documents += [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
        # All the names first: pages link to one another.
        self.pages = {ROOT / "README.fr.md": "index" if self.edition == "student" else "etudiants"}
        self.pages |= {ROOT / "LICENSES.md": "licences"}
        self.pages |= {path: f"cartes/{_card_name(path)}" for path in cards}
        self.pages |= {path: f"documents/{_document_name(path)}" for path in documents}
        for lab in self.labs:
            for path in (lab.lab.release_path(), lab.lab.script):
                self.pages[path] = f"tp/{lab.name}"

        for lab in self.labs:
            self._put(f"tp/{lab.name}", self._lab(lab))
            if self.edition == "teacher":
                self._put(f"baremes/{lab.name}", self._rubrics(lab))
        if self.edition == "teacher":
            self._put("messages", self._messages())
        for path in [*cards, *documents, ROOT / "LICENSES.md"]:
            self._put(self.pages[path], self._document(path))
        self._put("mesures", self._measures())
        self._put("cartes/index", "# Cartes des modèles et des données\n\nCe que chaque source contient, d'où elle vient, "
                  "comment elle a été faite, ses limites. En anglais.\n\n" + _toctree([self.pages[p].split("/")[1] for p in cards]))  # fmt: skip
        names = [f"tp/{lab.name}" for lab in self.labs]
        common = ["mesures", "cartes/index", "licences"]
        student_home = self._document(ROOT / "README.fr.md")
        if self.edition == "student":
            self._put(
                "index",
                student_home + "\n\n" + _toctree(names, "Travaux pratiques", True) + _toctree(common, "À propos", True),
            )
        else:
            self._put("etudiants", student_home)
            self._put("index", self._teacher_home(names, documents, ["etudiants", *common]))

    # ---- pages

    def _teacher_home(self, names: list[str], documents: list[Path], common: list[str]) -> str:
        rows = "\n".join(
            f"| [{lab.title}](tp/{lab.name}.md) | [barème](baremes/{lab.name}.md) | {_number(_total(lab))} |"
            for lab in self.labs
        )
        return "\n\n".join([
            "# Édition de l'enseignant·e",
            "Cette édition contient les **corrigés, les tests cachés et les barèmes** : ne la publiez pas, et ne la confiez pas aux "
            "étudiant·es. Leur site est dans `build/site/`.",
            f"| TP corrigé | barème et copies types | points |\n|---|---|---|\n{rows}",
            _toctree([self.pages[path] for path in documents], "Documents", True),
            _toctree(names, "TP corrigés", True),
            _toctree([f"baremes/{lab.name}" for lab in self.labs], "Barèmes", True),
            _toctree(["messages"], "Aider", True),
            _toctree(common, "À propos", True),
        ])  # fmt: skip

    def _document(self, path: Path) -> str:
        return self.links(path.read_text(encoding="utf-8"), path)

    def _lab(self, lab: Shown) -> str:
        """One page: the cells of the edition, in order."""
        given = {cell.id: cell for cell in lab.release.cells}
        source = lab.lab.script
        parts, heading = [], lab.title
        for cell in lab.run.cells:
            if self.edition == "student" and cell.id not in given:
                raise LabError(f"{lab.name}: cell {cell.id} is not in the released notebook.")
            text = given[cell.id].source if self.edition == "student" else cell.source
            role = cell.metadata.get("nbgrader", {}).get("grade_id", "").rpartition("-")[2]
            label = LABELS[self.edition].get(role)
            parts += [f'```{{raw}} html\n<p class="cell-role cell-{role}">{label}</p>\n```'] if label else []
            if cell.cell_type == "markdown":
                parts.append(self.links(Source(text).whole, source))
                heading = (re.findall(r"^#+ (.+)$", text, re.MULTILINE) or [heading])[-1]
            elif cell.cell_type == "code":
                parts.append(_fence("{code-block} ipython3", text))
                parts += self._outputs(lab, cell, role, heading)
            if cell is lab.run.cells[0]:
                parts.append(self._download(lab))
        return "\n\n".join(parts) + "\n"

    def _download(self, lab: Shown) -> str:
        """The student's notebook, to download (the teacher's edition gives the same one)."""
        target = self.folder / "notebooks" / f"{lab.name}.ipynb"
        target.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(lab.release, target)
        measures = lab.run.metadata.measures
        budget = (
            ""
            if measures.budget == "full"
            else " (budget réduit : les nombres de cette page ne sont pas ceux du TP complet)"
        )
        return (
            f"```{{note}}\nCette page montre une exécution du TP{budget}. Pour travailler, "
            f"{{download}}`téléchargez le notebook </notebooks/{lab.name}.ipynb>` et enregistrez-le sans le renommer.\n```"
        )

    def _outputs(self, lab: Shown, cell, role: str, heading: str) -> list[str]:
        """What a cell of the run left, as Markdown; what a student's own code would print is not shown to students."""
        outputs = cell.outputs
        if self.edition == "student":
            if role in ("solution", "answer"):
                return []
            outputs = cell.metadata.get("student_outputs", outputs)
        parts, figures = [], 0
        for output in outputs:
            if output.output_type == "stream":
                if output.name == "stdout" and (text := _terminal(output.text)).strip():
                    parts.append(_fence("{code-block} text", text.rstrip(), ":class: output"))
                continue
            data = output.get("data", {})
            if "application/vnd.jupyter.widget-view+json" in data or (
                role == "check" and output.output_type == "execute_result"
            ):
                continue
            if "image/png" in data:
                figures += 1
                alt = output.metadata.get("image/png", {}).get("alt") or f"Figure de la partie « {heading} »"
                parts.append(self._figure(f"{lab.name}/{cell.id}-{figures}.png", data["image/png"], alt))
            elif "application/javascript" in data or "<script" in data.get("text/html", ""):
                parts.append(INTERACTIVE)
            elif "text/html" in data:
                parts.append(_html(data["text/html"]))
            elif "text/markdown" in data:
                parts.append(data["text/markdown"])
            elif data.get("text/plain", "").strip():
                parts.append(_fence("{code-block} text", _terminal(data["text/plain"]), ":class: output"))
        return parts

    def _figure(self, name: str, png: str, alt: str) -> str:
        path = self.folder / "figures" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(png))
        return f"```{{image}} /figures/{name}\n:alt: {' '.join(alt.split())}\n:class: plot\n```"

    def _rubrics(self, lab: Shown) -> str:
        """Answers kept with the marks and messages they get; rubrics of the written ones."""
        parts = [
            f"# Barème — {lab.title}",
            "Les réponses gardées avec le TP, et ce que la correction en fait. Les notes et les messages sont vérifiés par "
            "`make test` ; les réponses écrites se corrigent à la main.",
        ]
        for exercise, maximum in _maxima(lab.run).items():
            written = lab.lab.answers_path(exercise, ".md")
            code = written.with_suffix(".py")
            if written.exists():
                parts.append(_deeper(self.links(written.read_text(encoding="utf-8"), written)))
            elif code.exists():
                parts.append(f"## `{exercise}` — {_number(maximum)} point{'s' if maximum >= 2 else ''}")
                for answer in read_answers(code):
                    mark = maximum if answer.points is None else answer.points
                    kind = "Juste" if answer.kind == "right" else "Erreur"
                    parts.append(f"### {kind} : {answer.description} — {_number(mark)} / {_number(maximum)}")
                    if answer.message:
                        parts.append(f"L'élève lit un message qui contient : `{answer.message.replace('`', ' ')}`.")
                    parts.append(_fence("{code-block} python", answer.source))
        return "\n\n".join(parts) + "\n"

    def _messages(self) -> str:
        """What goes wrong in each lab, indexed by message: kept wrong answers, and the help folded in the lab."""
        parts = [
            "# Erreurs, par message",
            "Ce que lit l'élève, par ordre alphabétique, et ce qui s'est passé : les erreurs gardées avec le TP (en anglais, avec la "
            "note qu'elles obtiennent) et les aides « J'ai ce message… » du notebook. Les messages communs à tous les TP, ceux de "
            "l'installation et de la correction sont dans le guide de dépannage.",
        ]
        for lab in self.labs:
            rows = sorted(set(self._mistakes(lab) + _helps(lab.run)), key=lambda row: (_sorted_as(row[0]), row))
            if rows:
                lines = [" | ".join(text.replace("|", "\\|") for text in row) for row in rows]
                parts += [f"## {lab.title}", "| message | exercice | ce qui s'est passé |\n|---|---|---|\n" +
                          "\n".join(f"| {line} |" for line in lines)]  # fmt: skip
        return "\n\n".join(parts) + "\n"

    def _mistakes(self, lab: Shown) -> list[tuple[str, str, str]]:
        rows = []
        for exercise, maximum in _maxima(lab.run).items():
            path = lab.lab.answers_path(exercise)
            for answer in read_answers(path) if path.exists() else ():
                if answer.kind == "wrong" and answer.message:
                    said = " … ou ".join(f"`{_unescaped(part)}`" for part in answer.message.split("|"))
                    note = f"{answer.description} ({_number(answer.points)} / {_number(maximum)})"
                    rows.append((said, f"`{exercise}`", note))
        return rows

    def _measures(self) -> str:
        """Times, memory and figures, all of them read in the executed notebooks."""
        rows, parts = [], []
        for lab in self.labs:
            m = lab.run.metadata.measures
            earned, most = points(lab.run)
            rows.append(
                f"| [{lab.title}](tp/{lab.name}.md) | {_duration(m.wall_seconds)} | {_duration(m.cpu_seconds)} | "
                f"{_number(m.peak_bytes / 2**30, 1)} Gio | {_number(earned)} / {_number(most)} | "
                f"{m.machine}, {m.cores} cœur{'s' if m.cores > 1 else ''} | {'complet' if m.budget == 'full' else 'réduit'} | {m.date} |"
            )
            parts += [f"## {lab.title}", self._versions(m), *self._tables(lab)]
        small = any(lab.run.metadata.measures.budget != "full" for lab in self.labs)
        return "\n\n".join([
            "# Comment c'est mesuré",
            "Rien n'est recopié à la main sur cette page : chaque nombre a été écrit par l'exécution même du TP de référence, de la "
            "première à la dernière cellule, sans carte graphique ni réseau.",
            *(["```{warning}\nCette page a été faite avec le budget réduit, celui des tests : ni les durées ni les résultats ne sont "
               "ceux du TP complet.\n```"] if small else []),
            "| TP | durée | processeur | mémoire (maximum) | points automatiques | machine | budget | date |\n"
            "|---|---|---|---|---|---|---|---|\n" + "\n".join(rows),
            "- **durée** : temps écoulé, lancement de Python compris ; elle dépend de ce que la machine faisait d'autre ;\n"
            "- **processeur** : temps de calcul, tous cœurs additionnés, qui dépend peu de la charge de la machine ;\n"
            "- **mémoire** : la plus grande mémoire résidente du processus Python ;\n"
            "- **points automatiques** : ceux que le corrigé obtient aux vérifications, tests cachés compris (les réponses "
            "écrites se corrigent à la main) ; le site n'est pas construit s'il en manque.",
            "Les tableaux qui suivent sont ceux que les TP affichent : exactitudes, perplexités, intervalles.",
            *parts,
        ])  # fmt: skip

    def _versions(self, measures) -> str:
        return (
            "Bibliothèques : "
            + ", ".join(f"{name} {number}" for name, number in sorted(measures.versions.items()))
            + "."
        )

    def _tables(self, lab: Shown) -> list[str]:
        """The tables of results that given and demonstration cells display, under their headings."""
        parts, heading, told = [], "", None
        for cell in lab.run.cells:
            if cell.cell_type == "markdown":
                heading = (re.findall(r"^#+ (.+)$", cell.source, re.MULTILINE) or [heading])[-1]
            if cell.cell_type != "code" or "nbgrader" in cell.metadata:
                continue
            for output in cell.outputs:
                table = output.get("data", {}).get("text/html", "")
                if "<table" in table and re.search(r"<td>\s*-?\d", table) and "<script" not in table:
                    parts += [f"### {heading}"] if heading != told else []
                    parts.append(_html(table))
                    told = heading
        return parts

    # ---- text

    def _put(self, page: str, text: str) -> None:
        path = self.folder / f"{page}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def links(self, text: str, source: Path) -> str:
        """Links between files of the repository become links between pages, or to the repository's address."""
        page = self.pages.get(source, "baremes/x")

        def one(match: re.Match) -> str:
            image, label, target = match.groups()
            if re.match(r"[a-z]+:|#", target):
                return match.group(0)
            name, _, anchor = target.partition("#")
            path = Path(os.path.normpath(source.parent / name))
            if not path.exists():
                raise LabError(f"{source.relative_to(ROOT)}: the link to {target} leads nowhere.")
            if image:
                copy = self.folder / "images" / path.name
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(path, copy)
                return f"![{label}](/images/{path.name})"
            if path in self.pages:
                to = os.path.relpath(self.folder / f"{self.pages[path]}.md", (self.folder / page).parent)
                return f"[{label}]({to}{'#' + anchor if anchor else ''})"
            kind = "tree" if path.is_dir() else "blob"
            return f"[{label}]({course_url(ROOT)}/{kind}/main/{path.relative_to(ROOT).as_posix()})"

        pieces = re.split(r"(^```.*?^```[ \t]*$)", text, flags=re.MULTILINE | re.DOTALL)
        pieces[::2] = [re.sub(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^()\s]+)\)", one, piece) for piece in pieces[::2]]
        return "".join(pieces)


def _maxima(notebook) -> dict[str, float]:
    """Points of each exercise."""
    return {
        cell.metadata.nbgrader.grade_id.rpartition("-")[0]: cell.metadata.nbgrader.points
        for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("grade")
    }  # fmt: skip


def _helps(notebook) -> list[tuple[str, str, str]]:
    """(message, exercise, advice) of every « J'ai ce message… » of a lab."""
    rows, exercise = [], ""
    for cell in notebook.cells:
        if cell.cell_type != "markdown":
            continue
        if found := re.search(r"^#+ (Exercice \d+)", cell.source, re.MULTILINE):
            exercise = found.group(1)
        for block in re.findall(r"<summary>[^<]*J'ai ce message.*?</details>", cell.source, re.DOTALL):
            for item in re.split(r"^- ", block, flags=re.MULTILINE)[1:]:
                text = " ".join(item.replace("</details>", "").split())
                said, _, advice = text.partition("\N{NO-BREAK SPACE}: " if "\N{NO-BREAK SPACE}: " in text else " : ")
                if advice:
                    rows.append((said, exercise, advice.rstrip(" ;.")))
    return rows


def _sorted_as(text: str) -> str:
    """How an index sorts a message: neither signs nor accents nor case count."""
    bare = "".join(c for c in unicodedata.normalize("NFD", text) if c.isalnum() or c == " ")
    return bare.casefold().strip()


def _unescaped(expression: str) -> str:
    """A regular expression as a reader wants it."""
    return re.sub(r"\\(.)", r"\1", expression).replace(".*", "…").replace("`", " ")


def _card_name(path: Path) -> str:
    return path.stem if path.parent.name == "cards" else path.parent.name


def _document_name(path: Path) -> str:
    return f"plan-{path.parent.name}" if path.name == "plan.md" else path.stem.lower()


def _toctree(names: list[str], caption: str = "", hidden: bool = False) -> str:
    options = (f":caption: {caption}\n" if caption else "") + (":hidden:\n" if hidden else "") + ":maxdepth: 1\n"
    return f"```{{toctree}}\n{options}\n" + "\n".join(names) + "\n```\n" if names else ""


def _fence(kind: str, text: str, *options: str) -> str:
    ticks = "`" * max([3, *(len(run) + 1 for run in re.findall(r"`+", text))])
    return "\n".join([ticks + kind, *options, "", text, ticks])


def _html(fragment: str) -> str:
    """An HTML output, without the style that pandas adds to each table."""
    fragment = re.sub(r"<style.*?</style>", "", fragment, flags=re.DOTALL).replace(' border="1"', "")
    fragment = re.sub(r"<th></th>", "<td></td>", fragment)  # a corner is no header
    inside = '<div class="output table-output" tabindex="0">' + fragment + "</div>"
    return _fence("{raw} html", inside)


def _terminal(text: str) -> str:
    """Printed text as a terminal would leave it: no colours, lines rewritten in place."""
    text = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", text)
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))


def _deeper(text: str) -> str:
    """The same Markdown, its headings one level down."""
    return re.sub(r"^(#+ )", r"#\1", text, flags=re.MULTILINE)


def _total(lab: Shown) -> float:
    return sum(cell.metadata.get("nbgrader", {}).get("points", 0) for cell in lab.run.cells)


def _number(value: float, digits: int | None = None) -> str:
    text = f"{value:g}" if digits is None else f"{value:.{digits}f}"
    return html.escape(text.replace(".", ","))


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
