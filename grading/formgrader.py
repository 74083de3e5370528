"""`make formgrader`: JupyterLab with nbgrader's formgrader on the teacher's gradebook, or on another course's.

    python -m grading.formgrader [build/demo/tp1_mlm] [options of JupyterLab]

Marks and comments are given there.  Its buttons that run nbgrader's own steps are refused: *Autograde* would run a
student's code with the teacher's rights, outside every wall.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from authoring.nbgrader import COURSE, FOLDER

GRADING = Path(__file__).resolve().parent  # where nbgrader finds its settings

STEPS = (
    "AssignHandler", "UnReleaseHandler", "ReleaseHandler", "CollectHandler", "AutogradeHandler",
    "GenerateFeedbackHandler", "GenerateAllFeedbackHandler", "ReleaseFeedbackHandler", "ReleaseAllFeedbackHandler",
)  # fmt: skip
REFUSED = "Not here: run `make grade` (isolated, with feedback pages) or `make release` in the course's folder."

def command(folder: Path) -> tuple[list[str], dict[str, str]]:
    """What to run, and its environment, to see the course whose gradebook lies in `folder`."""
    settings = GRADING / "nbgrader_config.py"
    arguments = [sys.executable, "-m", "jupyterlab", "--no-browser", f"--config={settings}"]
    arguments += [f"--ServerApp.root_dir={folder}"]  # the formgrader wants the course inside it
    arguments += ["--ServerApp.jpserver_extensions={'grading.formgrader': True}"]  # this module, in the server
    arguments += ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    return arguments, {**os.environ, FOLDER: str(folder)}


def _jupyter_server_extension_points() -> list[dict]:
    return [{"module": "grading.formgrader"}]


def _load_jupyter_server_extension(server) -> None:
    """Refuse what `make grade` and `make release` do, in this server."""
    from nbgrader.server_extensions.formgrader import apihandlers

    @apihandlers.web.authenticated
    @apihandlers.check_xsrf
    def refuse(self, *_):
        self.write(json.dumps({"success": False, "log": REFUSED, "error": REFUSED}))

    for name in STEPS:
        getattr(apihandlers, name).post = refuse


def main() -> int:
    given = sys.argv[1:]
    folder = Path(given.pop(0)).resolve() if given and not given[0].startswith("-") else COURSE
    if not (folder / "gradebook.db").exists():
        print(f"No gradebook in {folder}: run `make grade` first (`make demo` for the course of a demonstration).")
        return 1
    arguments, environment = command(folder)
    print("Open the address below, then the menu Nbgrader > Formgrader (Ctrl+C stops).")
    # nbgrader reads its settings from the folder where it is started.
    return subprocess.run([*arguments, *given], cwd=GRADING, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
