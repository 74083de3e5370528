"""What the course's authors run: the labs and their answers, releases, editions, languages."""

import os
import sys
from pathlib import Path

import utils  # noqa: F401  # before nbformat

# nbgrader starts `alembic` by its bare name: it must be found even where the environment is not activated.
_BIN = str(Path(sys.executable).parent)
if _BIN not in os.environ.get("PATH", "").split(os.pathsep):
    os.environ["PATH"] = _BIN + os.pathsep + os.environ.get("PATH", "")
