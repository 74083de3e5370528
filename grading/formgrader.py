"""`make formgrader`: JupyterLab with nbgrader's formgrader on the teacher's gradebook, or on another course's.

    python -m grading.formgrader [build/demo/tp1_mlm] [options of JupyterLab]

Marks and comments are given there.  Its buttons that run nbgrader's own steps are refused: *Autograde* would run a
student's code with the teacher's rights, outside every wall.  What students wrote is sanitised, and no script of theirs
runs (`grading.reports.untrusted`).
"""

import base64
import hashlib
import json
import os
import secrets
import subprocess
import sys
from pathlib import Path

import jinja2
from nbgrader.server_extensions.formgrader.handlers import template_path

from authoring.nbgrader import COURSE, FOLDER
from grading.reports.page import POLICY
from grading.reports.untrusted import GradingPage, Nonce

GRADING = Path(__file__).resolve().parent  # where nbgrader finds its settings

STEPS = (
    "AssignHandler", "UnReleaseHandler", "ReleaseHandler", "CollectHandler", "AutogradeHandler",
    "GenerateFeedbackHandler", "GenerateAllFeedbackHandler", "ReleaseFeedbackHandler", "ReleaseAllFeedbackHandler",
)  # fmt: skip
ON_CLICK = ("toggle_name(true);", "toggle_name(false);", "toggleAllNames()")  # the handlers in nbgrader's templates
FORMGRADER_POLICY = (
    "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src data:; font-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'"
)
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
    """In this server: refuse what `make grade` and `make release` do, and run nothing that a student wrote."""
    from nbgrader.server_extensions.formgrader import apihandlers, handlers

    @apihandlers.web.authenticated
    @apihandlers.check_xsrf
    def refuse(self, *_):
        self.write(json.dumps({"success": False, "log": REFUSED, "error": REFUSED}))

    for name in STEPS:
        getattr(apihandlers, name).post = refuse

    @handlers.web.authenticated
    @handlers.check_xsrf
    def start(self):
        self.redirect(f"{self.base_url}/formgrader/manage_assignments")

    handlers.FormgraderHandler.get = start  # nbgrader's runs the nbgrader_config.py of any folder that a link names
    _guard(handlers.BaseHandler)
    handlers.SubmissionFilesHandler.content_security_policy = f"{POLICY}; sandbox"  # files handed in with a notebook


def _guard(handler: type) -> None:
    """Have nbgrader's handlers answer with sanitised pages, under a policy that runs its own scripts only."""
    loader = jinja2.FileSystemLoader(template_path)
    templates = jinja2.Environment(loader=loader, autoescape=True, extensions=[Nonce])
    anybody = handler.content_security_policy.fget

    def nonce(self) -> str:
        return self.__dict__.setdefault("_nonce", secrets.token_urlsafe(16))

    def policy(self) -> str:
        scripts = " ".join([f"'nonce-{nonce(self)}'", "'unsafe-hashes'", *map(_hash, ON_CLICK)])
        return f"{anybody(self)}; {FORMGRADER_POLICY}; script-src {scripts}"

    def render(self, name, **values) -> str:
        templates.globals["nonce"] = nonce(self)
        return templates.get_template(name).render(**values)

    def exporter(self) -> GradingPage:
        made = self.settings["nbgrader_exporter"]
        if not isinstance(made, GradingPage):
            made = self.settings["nbgrader_exporter"] = GradingPage(config=made.config)
        made.environment.globals["nonce"] = nonce(self)
        return made

    handler.content_security_policy, handler.exporter = property(policy), property(exporter)
    handler.render = render


def _hash(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


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
