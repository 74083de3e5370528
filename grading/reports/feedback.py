"""What a student may read of a corrected notebook."""

from nbconvert.preprocessors import Preprocessor
from traitlets import default

from authoring.lab import ANSI, HIDDEN_LENGTH, scrubbed
from authoring.source import Source
from utils.outcome import MIME


class HideTests(Preprocessor):
    """Take the hidden tests out of nbgrader's feedback page (it shows them: #917), tracebacks included."""

    @default("enabled")
    def _enabled(self):
        return True  # nbconvert leaves a preprocessor out unless it says so itself

    def preprocess(self, nb, resources):
        sources = [Source(cell.source) for cell in nb.cells]
        public = "\n".join(source.visible for source in sources)
        hidden = {line.strip() for source in sources for line in source.hidden.splitlines()}
        self._hidden = {line for line in hidden if len(line) >= HIDDEN_LENGTH and line not in public}
        for cell, source in zip(nb.cells, sources, strict=True):
            kept = source.hidden
            cell.source = source.visible
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
        return scrubbed(text, self._hidden) if any(line in bare for line in self._hidden) else text
