"""A lab, read from its folder: all that the rest of the project knows of it.

solutions/<lab>/lab.toml    order, titles, minutes, models…: `Settings`
solutions/<lab>/<lab>.py    the source, a jupytext percent script: prose, stubs, solutions, checks
solutions/<lab>/answers/    right and wrong answers of each exercise, rubrics
"""

import ast
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import jupytext
from nbformat import NotebookNode

from authoring import language as translation
from authoring import measures, naming, templates
from authoring.source import MARKERS, STUBS, TEXT_STUBS, Region, Source
from utils.language import N_, _
from utils.notebook.cells import cell_id, grade_id, plain
from utils.notebook.cells import exercise as exercise_of
from utils.notebook.cells import role as role_of
from utils.notebook.demos import DEMO, faults

# nbgrader's flags for each role of a cell.
ROLES = {
    "solution": {"solution": True, "grade": False, "locked": False},
    "check": {"solution": False, "grade": True, "locked": True},
    "answer": {"solution": True, "grade": True, "locked": False},
    "given": {"solution": False, "grade": False, "locked": True},
}
SOURCE_LANGUAGE = "fr"
OTHERS = ("en",)  # languages that labs are translated into
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
SECRET_LENGTH = 20  # characters: a shorter line of a solution stands in many texts
HIDDEN_LENGTH = 8  # the same for a line of a hidden test
RESERVED_LINE = N_("(ligne d'un test réservé à la correction)")
ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


class LabError(ValueError):
    """A lab's source breaks a rule; the message says which cell and what to do."""


# --------------------------------------------------------------------------------------------------------- settings
@dataclass(frozen=True)
class Settings:
    """What lab.toml says.  Texts are by language; `minutes`: a student's, `models`: roles of `utils.models`."""

    order: int
    title: dict[str, str]
    subject: dict[str, str]
    minutes: int
    models: tuple[str, ...] = ()
    corpora: tuple[str, ...] = ()
    extra: str = ""  # an extra of pyproject.toml, for libraries that only this lab wants


def read_settings(path: Path) -> Settings:
    """Raises `LabError` for a file that is not there, a key that is unknown or missing, a value of the wrong kind."""
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise LabError(f"{path.parent.name}: no lab.toml; it says the lab's order, title, subject, minutes.") from None
    except tomllib.TOMLDecodeError as error:
        raise LabError(f"{path.parent.name}/lab.toml cannot be read: {error}") from None
    kinds = {"order": int, "title": dict, "subject": dict, "minutes": int}
    kinds |= {"models": list, "corpora": list, "extra": str}
    wrong = [f"{key} is unknown" for key in found if key not in kinds]
    wrong += [f"{key} is missing" for key in ("order", "title", "subject", "minutes") if key not in found]
    wrong += [f"{key} = {found[key]!r} is no {kind.__name__}" for key, kind in kinds.items()
              if key in found and not isinstance(found[key], kind)]  # fmt: skip
    wrong += [f"{key}.fr is missing" for key in ("title", "subject") if "fr" not in found.get(key, {"fr": ""})]
    if wrong:
        raise LabError(f"{path.parent.name}/lab.toml: {'; '.join(wrong)}.")
    values: dict = {key: tuple(value) if isinstance(value, list) else value for key, value in found.items()}
    return Settings(**values)


# -------------------------------------------------------------------------------------------------------- exercises
@dataclass
class Exercise:
    """What a student is to do, and what becomes of it.  `check` is None for a written answer."""

    name: str
    title: str = ""
    points: float = 0.0
    stub: str = ""
    reference: str = ""
    check: Source | None = None
    report_title: str = field(default="", repr=False)  # that its check prints

    @property
    def is_code(self) -> bool:
        return self.check is not None

    def is_reserved(self, title: str) -> bool:
        """Does the test of this title stand among the hidden ones?  (A title may hold values.)"""
        hidden = self.check.hidden if self.check else ""
        return any(pattern.fullmatch(title) for pattern in _test_titles(hidden))


class Lab:
    """One lab of the course in `root`, by name.  What is read is kept: make another after a change."""

    def __init__(self, root: Path, name: str):
        self.root, self.name = root, name
        self.folder = root / "solutions" / name
        self.script = self.folder / f"{name}.py"
        self._notebooks: dict[str, NotebookNode] = {}
        self._exercises: dict[str, dict[str, Exercise]] = {}

    def __repr__(self) -> str:
        return f"Lab({self.name!r})"

    @cached_property
    def settings(self) -> Settings:
        return read_settings(self.folder / "lab.toml")

    @cached_property
    def notebook(self) -> NotebookNode:
        """The teacher's notebook, in French: nbgrader's metadata, ids from names, nothing of jupytext's own."""
        return self._with_figures(read_script(self._script(), self.name, self.root), SOURCE_LANGUAGE)

    def notebook_in(self, language: str) -> NotebookNode:
        """The teacher's notebook in a language.  Raises `LanguageError` if its catalogue is not whole."""
        if language == SOURCE_LANGUAGE:
            return self.notebook
        if language not in self._notebooks:
            text = translation.translate(self._script(), translation.read(self.catalogue_path(language)))
            notebook = read_script(text, self.name, self.root, language)
            self._notebooks[language] = self._with_figures(notebook, language)
        return self._notebooks[language]

    def _with_figures(self, notebook: NotebookNode, language: str) -> NotebookNode:
        """A notebook with the figures that there are: a lab runs before it is measured."""
        measures.fill(notebook.cells, self._figures(notebook, language), language)
        return notebook

    def _figures(self, notebook: NotebookNode, language: str) -> dict[str, measures.Figure]:
        """What the text of the lab's notebook in a language may name."""
        points = sum(cell.metadata.get("nbgrader", {}).get("points", 0) for cell in notebook.cells)
        found = measures.read(self.folder)
        return measures.of_every_lab(self.settings.minutes, points, found.runs, language) | found.figures

    def unfilled(self, language: str = SOURCE_LANGUAGE) -> list[str]:
        """The figures that its text names and that cannot be written, a sentence each (an empty list: none)."""
        notebook = self.notebook_in(language)
        return measures.faults(notebook.cells, self._figures(notebook, language), language)

    @property
    def unquoted(self) -> list[str]:
        """The figures that were measured and that its text does not name."""
        cells = read_script(self._script(), self.name, self.root).cells
        return sorted(measures.read(self.folder).figures.keys() - measures.named(cells))

    def _script(self) -> str:
        if not self.script.exists():
            raise LabError(f"no {self.script.relative_to(self.root)}.")
        return self.script.read_text(encoding="utf-8")

    @cached_property
    def languages(self) -> list[str]:
        """Those in which the lab can be given out: French, and those whose catalogue is whole."""
        return [SOURCE_LANGUAGE, *(language for language in OTHERS if not self.untranslated(language))]

    def untranslated(self, language: str) -> list[str]:
        """What keeps the lab from being given out in a language, a sentence each (an empty list: nothing)."""
        path = self.catalogue_path(language)
        if not path.exists():
            return [f"no {path.relative_to(self.root)}"]
        return translation.check(self._script(), translation.read(path))

    def catalogue_path(self, language: str) -> Path:
        return self.folder / f"{language}.po"

    def release_path(self, language: str = SOURCE_LANGUAGE) -> Path:
        """Where what students get is kept."""
        return self.root / "notebooks" / language / self.name / f"{self.name}.ipynb"

    def answers_path(self, exercise: str, suffix: str = ".py") -> Path:
        """The answers kept for an exercise; `.md`: the rubric of a written one."""
        return self.folder / "answers" / f"{exercise}{suffix}"

    # ------------------------------------------------------------------------------------------------ what is in it
    @cached_property
    def title(self) -> str:
        return self.title_in(SOURCE_LANGUAGE)

    def title_in(self, language: str) -> str:
        """The first heading, in a language."""
        texts = (cell.source for cell in self.notebook_in(language).cells if cell.cell_type == "markdown")
        headings = (re.findall(r"^# (.+)$", text, re.MULTILINE) for text in texts)
        return next((plain_heading(found[0]) for found in headings if found), self.name)

    @cached_property
    def exercises(self) -> dict[str, Exercise]:
        """Those that give points, in order."""
        return self.exercises_in(SOURCE_LANGUAGE)

    def exercises_in(self, language: str) -> dict[str, Exercise]:
        """The same exercises, their texts in a language."""
        if language not in self._exercises:
            self._exercises[language] = self._read_exercises(language)
        return self._exercises[language]

    def _read_exercises(self, language: str) -> dict[str, Exercise]:
        found: dict[str, Exercise] = {}
        heading = ""
        for cell in self.notebook_in(language).cells:
            if cell.cell_type == "markdown":
                headings = re.findall(r"^#+ (Exerci[cs]e .*)$", cell.source, re.MULTILINE)
                heading = plain_heading(headings[-1]) if headings else heading
            if not grade_id(cell):
                continue
            one = found.setdefault(exercise_of(cell), Exercise(exercise_of(cell)))
            source = Source(cell.source)
            if role_of(cell) in ("solution", "answer"):
                one.reference = source.whole
                one.stub = source.stub(TEXT_STUBS[language] if cell.cell_type == "markdown" else STUBS[language])
            if role_of(cell) == "check":
                one.check, one.report_title = source, _report_title(cell.source)
            if "points" in cell.metadata.nbgrader:
                one.points = float(cell.metadata.nbgrader.points)
                one.title, heading = heading or one.report_title or one.name, ""
        return {name: one for name, one in found.items() if one.title}

    @property
    def points(self) -> float:
        return sum(exercise.points for exercise in self.exercises.values())

    @cached_property
    def given(self) -> list[str]:
        """The code that every student gets, cell by cell, in each language."""
        cells = [cell for language in self.languages for cell in self.notebook_in(language).cells]
        return [Source(cell.source).public for cell in cells if cell.cell_type == "code"]

    def gives(self, cell: NotebookNode) -> bool:
        """Whether a cell of a copy is the lab's own, of this version of it by its text or of another by its name."""
        return cell_id(cell) in self._given[0] or plain(cell.source) in self._given[1]

    @cached_property
    def _given(self) -> tuple[set[str], set[str]]:
        return {cell_id(cell) for cell in self.notebook.cells} - {""}, set(map(plain, self.given))

    # ------------------------------------------------------------------------------------------------- what is secret
    @cached_property
    def secret_lines(self) -> set[str]:
        """Lines that stand in a solution or a hidden test, and nowhere a student may read, in any language."""
        return {line for language in self.languages for line in _secrets(self.notebook_in(language))}

    @cached_property
    def hidden_lines(self) -> set[str]:
        """The lines of the hidden tests that stand nowhere else in what students get, in any language."""
        return {line for language in self.languages for line in hidden_lines(self.notebook_in(language))}

    def scrub(self, text: str) -> str:
        """`text` without colours, and without a line that shows one of a hidden test."""
        return scrubbed(text, self.hidden_lines)

    def leaks(self, released: NotebookNode, language: str = SOURCE_LANGUAGE) -> list[str]:
        """What of the solutions or hidden tests a released notebook shows (an empty list: nothing)."""
        text = "\n".join(cell.source for cell in released.cells)
        found = [line for line in sorted(_secrets(self.notebook_in(language))) if line in text]
        found += [marker for marker in MARKERS if marker in text]
        found += [f"outputs of cell {i}" for i, cell in enumerate(released.cells) if cell.get("outputs")]
        return found


def _secrets(notebook: NotebookNode) -> set[str]:
    """Lines that stand in a solution or a hidden test of a notebook, and nowhere a student may read.

    A hint may quote a line of the solution: the author shows it on purpose.
    """
    sources = [Source(cell.source) for cell in notebook.cells]
    public = "\n".join(source.public for source in sources)
    texts = [text for source in sources for text in (source.solution, source.hidden)]
    lines = {line.strip() for text in texts for line in text.splitlines()}
    return {line for line in lines if len(line) >= SECRET_LENGTH and line not in public}


def hidden_lines(notebook: NotebookNode) -> set[str]:
    """The lines of the hidden tests of a notebook that stand nowhere else in it, solutions aside."""
    sources = [Source(cell.source) for cell in notebook.cells]
    public = "\n".join(source.public for source in sources)
    lines = {line.strip() for source in sources for line in source.hidden.splitlines()}
    return {line for line in lines if len(line) >= HIDDEN_LENGTH and line not in public}


def scrubbed(text: str, hidden: set[str]) -> str:
    """`text` without colours, and without a line that shows one of `hidden`."""
    lines = ANSI.sub("", text).splitlines()
    return "\n".join(_(RESERVED_LINE) if any(line in shown for line in hidden) else shown for shown in lines)


# ---------------------------------------------------------------------------------------------------------- reading
def project(root: Path) -> dict:
    """What pyproject.toml says of the course in `root`: the one place where its version and its address are set."""
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def course_url(root: Path) -> str:
    """The repository's address."""
    return project(root)["urls"]["Repository"]


def read_script(text: str, name: str, root: Path, language: str = SOURCE_LANGUAGE) -> NotebookNode:
    """The teacher's notebook that the text of a percent script stands for.  Raises `LabError`."""
    text = templates.filled(text, name, language).replace("{{COURSE_URL}}", course_url(root))
    notebook = jupytext.reads(text, fmt="py:percent")
    if wrong := naming.faults(notebook.cells):
        raise LabError(f"{name}: {'; '.join(wrong)}.")
    seen: set[str] = set()
    for cell, own in zip(notebook.cells, naming.names(notebook.cells), strict=True):
        cell.id, told = own, cell.metadata
        cell.metadata = NotebookNode({"tags": [DEMO]} if DEMO in told.get("tags", []) else {})
        if "role" in told or "exercise" in told:
            where = f"{name}, cell {cell.id} ({cell.source.splitlines()[0][:60] if cell.source else 'empty'})"
            cell.metadata["nbgrader"] = _metadata(where, cell, told, seen)
    if wrong := faults(notebook):
        raise LabError(f"{name}: {'; '.join(wrong)}.  Nothing may depend on a demo cell: grading leaves it out.")
    notebook.metadata = NotebookNode(
        course={"lab": name, "version": project(root)["version"], "language": language},
        kernelspec=KERNEL,
        language_info={"name": "python"},
    )
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return notebook


def _metadata(where: str, cell: NotebookNode, told: dict, seen: set[str]) -> dict:
    """nbgrader's metadata of a cell whose header says `told`."""
    exercise, role, points = told.get("exercise"), told.get("role"), told.get("points")
    if role not in ROLES or not exercise:
        raise LabError(
            f"{where}: exercise={exercise!r} role={role!r}; both are needed, role one of {', '.join(ROLES)}."
        )
    name = f"{exercise}-{role}"
    if name in seen:
        raise LabError(f"{where}: {name} is there twice; give each exercise a name of its own.")
    seen.add(name)
    if DEMO in cell.metadata.get("tags", []):
        raise LabError(f"{where}: a cell of an exercise cannot be a demo.")
    flags = ROLES[role]
    if flags["grade"] != isinstance(points, (int, float)):
        raise LabError(
            f"{where}: points={points!r}; cells of role check and answer, and only they, have a number of points."
        )
    if wrong := Source(cell.source).faults():
        raise LabError(f"{where}: {'; '.join(wrong)}.")
    begin = f"### BEGIN {Region.SOLUTION.upper()}"
    if flags["solution"] and begin not in cell.source:
        raise LabError(f"{where}: a {role} cell needs {begin!r} … {begin.replace('BEGIN', 'END')!r}.")
    metadata = {"schema_version": 3, "grade_id": name, "task": False, "cell_type": cell.cell_type, **flags}
    if flags["grade"]:
        metadata["points"] = points
    return metadata


def plain_heading(heading: str) -> str:
    """A Markdown heading as text."""
    return re.sub(r"[*`]", "", heading).strip()


def _calls(source: str, name: str) -> Iterator[ast.expr]:
    """The first argument of each call of `name` in a piece of source; none if it cannot be parsed."""
    try:
        tree = ast.parse(source)
    except SyntaxError:  # a cell with a magic
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args:
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called == name:
                yield node.args[0]


def _report_title(source: str) -> str:
    titles = [node.value for node in _calls(source, "Report") if isinstance(node, ast.Constant)]
    return str(titles[0]) if titles else ""


def _test_titles(source: str) -> list[re.Pattern]:
    patterns = []
    for node in _calls(source, "test"):
        parts = node.values if isinstance(node, ast.JoinedStr) else [node]
        texts = [re.escape(str(part.value)) if isinstance(part, ast.Constant) else ".*" for part in parts]
        patterns.append(re.compile("".join(texts)))
    return patterns
