"""Demonstration cells: what a lab shows (a long training, a plot) and no mark depends on.

A lab's source tags them `tags=["demo"]`.  Grading leaves them out, unless the hand-in needs them: a cell that the
student changed is the student's own and runs, and if the student's code uses a name that a demonstration defines, all
of them run.
"""

import ast
import symtable
from collections.abc import Iterable

from nbformat import NotebookNode

DEMO = "demo"
# Code that may reach a name without spelling it.
REFLECTION = {"eval", "exec", "globals", "locals", "vars", "get_ipython", "__import__", "importlib", "sys"}


def is_demo(cell: NotebookNode) -> bool:
    return cell.cell_type == "code" and DEMO in cell.metadata.get("tags", [])


def left_out(notebook: NotebookNode, release: NotebookNode) -> frozenset[int]:
    """Indexes of the cells of a hand-in that grading need not run; `release` is the notebook as it was given out."""
    given = {_text(cell) for cell in release.cells}
    demos = {_text(cell) for cell in release.cells if is_demo(cell)}
    shown = defined(cell.source for cell in release.cells if is_demo(cell))
    for cell in notebook.cells:
        # A locked cell is the course's own, even where it differs from the release: hidden tests have been put back.
        locked = cell.metadata.get("nbgrader", {}).get("locked", False)
        if cell.cell_type == "code" and not locked and _text(cell) not in given:
            used = needed(cell.source)
            if used is None or used & (shown | REFLECTION):
                return frozenset()
    return frozenset(i for i, cell in enumerate(notebook.cells) if cell.cell_type == "code" and _text(cell) in demos)


def faults(notebook: NotebookNode) -> list[str]:
    """Where a lab breaks the rule that nothing depends on a demonstration: one sentence each."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    shown = defined(cell.source for cell in code if is_demo(cell))
    others = [cell.source for cell in code if not is_demo(cell)]
    return [
        f"{name!r}, which a demo cell defines, is used in the cell {source.splitlines()[0]!r}"
        for source in others
        for name in sorted(shown & (needed(source) or set()))
    ]


def defined(sources: Iterable[str]) -> set[str]:
    """The global names that some cells bind."""
    found = set()
    for source in sources:
        if (names := _Names.of(source)) is not None:
            found |= names.bound
    return found


def needed(source: str) -> set[str] | None:
    """The global names that a cell takes from other cells; None if it cannot be told (a magic, a syntax error)."""
    names = _Names.of(source)
    return None if names is None else names.read | (names.read_in_functions - names.bound)


class _Names:
    """What a cell reads and binds at the level of the module, statement by statement."""

    def __init__(self):
        self.bound: set[str] = set()
        self.read: set[str] = set()  # before the cell binds them
        self.read_in_functions: set[str] = set()  # when they are called: the whole cell has run by then

    @classmethod
    def of(cls, source: str) -> "_Names | None":
        try:
            names = cls()
            names.statements(ast.parse(source).body)
            return names
        except (SyntaxError, ValueError, RecursionError, MemoryError):  # the last two: a sum of a thousand terms
            return None

    def statements(self, nodes: list[ast.stmt]) -> None:
        for node in nodes:
            blocks = [getattr(node, name, []) for name in ("body", "orelse", "finalbody")]
            if isinstance(node, (ast.For, ast.With, ast.While, ast.If, ast.Try)):
                self._head(node)
                for handler in getattr(node, "handlers", []):
                    self.bound |= {handler.name} - {None}
                    blocks.insert(1, handler.body)
                for block in blocks:
                    self.statements(block)
            else:
                if isinstance(node, ast.AugAssign):  # reads its target too
                    self._simple(ast.unparse(node.target))
                self._simple(ast.unparse(node))

    def _head(self, node: ast.stmt) -> None:
        """What stands on the first line of a compound statement: what it reads, then what it binds."""
        if isinstance(node, ast.For):
            self._simple(f"{ast.unparse(node.target)} = {ast.unparse(node.iter)}")
        elif isinstance(node, ast.With):
            for item in node.items:
                target = f"{ast.unparse(item.optional_vars)} = " if item.optional_vars else ""
                self._simple(target + ast.unparse(item.context_expr))
        elif isinstance(node, (ast.While, ast.If)):
            self._simple(ast.unparse(node.test))

    def _simple(self, source: str) -> None:
        """One statement without statements of its own, or a definition."""
        table = symtable.symtable(source, "<cell>", "exec")
        self.read |= {s.get_name() for s in table.get_symbols() if s.is_referenced()} - self.bound
        scopes = table.get_children()
        while scopes:
            scope = scopes.pop()
            scopes += scope.get_children()
            self.read_in_functions |= {s.get_name() for s in scope.get_symbols() if s.is_global() and s.is_referenced()}
        self.bound |= {s.get_name() for s in table.get_symbols() if s.is_assigned() or s.is_imported()}
        if source.startswith(("def ", "async def ", "class ", "@")):
            self.bound |= {child.get_name() for child in table.get_children()}


def _text(cell: NotebookNode) -> str:
    return cell.source.strip()
