"""What a student may read of a corrected notebook."""

from nbconvert.preprocessors import Preprocessor
from traitlets import default

from grading.reports.result import ANSI, RESERVED_LINE, TOO_SHORT, without_hidden
from utils.outcome import MIME


class HideTests(Preprocessor):
    """Take the hidden tests out of nbgrader's feedback page (it shows them: #917), tracebacks included."""

    @default("enabled")
    def _enabled(self):
        return True  # nbconvert leaves a preprocessor out unless it says so itself

    def preprocess(self, nb, resources):
        parts = [without_hidden(cell.source) for cell in nb.cells]
        public = "\n".join(shown for shown, _ in parts)
        hidden = {line.strip() for _, lines in parts for line in lines}
        self._hidden = [line for line in hidden if len(line) >= TOO_SHORT and line not in public]
        for cell, (shown, kept) in zip(nb.cells, parts, strict=True):
            cell.source = shown
            if cell.cell_type == "code":  # what a check found, as data: it has been printed beside
                cell.outputs = [output for output in cell.outputs if MIME not in output.get("data", {})]
            for output in cell.get("outputs", []):
                self._clean(output, bool(kept))
        return nb, resources

    def _clean(self, output, tests: bool) -> None:
        """`tests`: the cell holds hidden tests, which its tracebacks would quote."""
        if output.output_type == "stream":
            output.text = self._scrubbed(output.text)
        elif output.output_type == "error":
            output.evalue = self._scrubbed(output.evalue)
            lines = [f"{output.ename}: {output.evalue}"] if tests else output.traceback
            output.traceback = [self._scrubbed(line) for line in lines]
        else:
            for kind, data in output.data.items():
                if kind.startswith("text/") and isinstance(data, str):
                    output.data[kind] = self._scrubbed(data)

    def _scrubbed(self, text: str) -> str:
        bare = ANSI.sub("", text)
        if not any(line in bare for line in self._hidden):
            return text
        return "\n".join(RESERVED_LINE if any(h in line for h in self._hidden) else line for line in bare.splitlines())
