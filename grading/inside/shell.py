"""A notebook's system commands (`!ls`, `%pip`, `names = !ls`) without a terminal: behind the walls there is none.

An IPython extension.  A command that fails, for want of a network say, prints what it has to say, as in Jupyter.
"""

import subprocess

from IPython.utils.text import LSString, SList


def load_ipython_extension(shell) -> None:
    """Run the commands of this `InteractiveShell` by `/bin/sh`, what they print gathered at their end."""

    def run(command: str, depth: int) -> tuple[str, int]:
        if command.rstrip().endswith("&"):
            raise OSError("Background processes not supported.")
        done = subprocess.run(
            ["/bin/sh", "-c", shell.var_expand(command, depth=depth + 1)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
        )  # fmt: skip
        return done.stdout, done.returncode

    def system(command: str) -> None:
        printed, shell.user_ns["_exit_code"] = run(command, 1)
        print(printed, end="")

    def getoutput(command: str, split: bool = True, depth: int = 0):
        printed, _ = run(command, depth + 1)
        return SList(printed.splitlines()) if split else LSString(printed)

    shell.system, shell.getoutput = system, getoutput
