"""The course's interactive questions (`data/tp0_quiz/<language>/`), shown with jupyterquiz: a click explains them.

They are for practice: their answers travel with them.  What is marked in TP 0 are other statements.
"""

import json

from IPython.display import display
from IPython.utils.capture import capture_output

from utils.environment import DATA
from utils.language import SOURCE, _
from utils.language import language as spoken

COLORS = {  # white on each of them: a contrast of at least 4.5
    "--jq-multiple-choice-bg": "#1f5a78",
    "--jq-many-choice-bg": "#7a3e12",
    "--jq-correct-color": "#1b6e2b",
    "--jq-incorrect-color": "#b3261e",
}
# What jupyterquiz's script is made to do otherwise.  It would fetch MathJax from a third party when a page has another
# version of it (JupyterLab has): these questions hold no formula.  And explanations are read out to those who listen.
CHANGES = {
    "typeof MathJax": "typeof NoMathJax",
    "this.fbDiv.className = 'Feedback';": (
        "this.fbDiv.className = 'Feedback'; this.fbDiv.setAttribute('role', 'status');"
    ),
}


def parts(language: str | None = None) -> dict[str, dict]:
    """The parts of the quiz by their letter: each has a `title` and `questions`, as jupyterquiz wants them.

    In `language` ("fr" or "en"); by default in the one that the course speaks, French where it has no quiz in it.
    """
    paths = {path.parent.name: path for path in (DATA / "tp0_quiz").glob("*/quiz.json")}
    path = paths.get(language or spoken(), paths[SOURCE])
    return {part["part"]: part for part in json.loads(path.read_text(encoding="utf-8"))["parts"]}


def show(part: str) -> None:
    """Display the questions of a part; raises `ValueError` if there is no such part."""
    from jupyterquiz import display_quiz

    known = parts()
    if part not in known:
        raise ValueError(_("Partie {part!r} ; attendu : l'une de {known}.").format(part=part, known=", ".join(known)))
    with capture_output(stdout=False, stderr=False) as captured:
        display_quiz(_numbered(known[part]["questions"]), shuffle_answers=True, max_width=760, colors=COLORS)
    for output in captured.outputs:
        data = {kind: changed(text) if kind == "application/javascript" else text for kind, text in output.data.items()}
        instead = _("(quiz interactif, partie {part} : ouvrez ce notebook dans Jupyter, exécutez la cellule)")
        data["text/plain"] = instead.format(part=part)
        display(data, raw=True)


def _numbered(questions: list[dict]) -> list[dict]:
    """With its name before each question: the marked statements refer to it."""
    return [{**question, "question": f"{question['name']}. {question['question']}"} for question in questions]


def changed(script: str) -> str:
    """jupyterquiz's script, with `CHANGES` made."""
    for old, new in CHANGES.items():
        script = script.replace(old, new)
    return script
