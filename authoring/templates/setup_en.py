# Setting up. On your own machine, the course is already there; on Colab, this cell fetches it (about a minute).
import os
import subprocess
import sys

try:
    import utils.runtime
except ModuleNotFoundError as missing:
    if missing.name not in ("utils", "utils.runtime"):  # the course is there, but not its libraries: see the README
        raise
    url = os.environ.get("COURSE_URL", "{{COURSE_URL}}")
    options = {"check": True, "capture_output": True, "text": True}
    try:
        if not os.path.exists("cours-llm/utils/runtime.py"):
            if "votre-organisation" in url:
                advice = "Ask your teacher for the course's address, then run this in a cell added above:"
                raise RuntimeError(f"{advice}\nimport os; os.environ['COURSE_URL'] = 'https://…'") from None
            subprocess.run(["git", "clone", "--quiet", "--depth", "1", url, "cours-llm"], **options)
        subprocess.run([sys.executable, "-m", "utils.student.colab"], cwd="cours-llm", **options)
    except (OSError, subprocess.CalledProcessError) as error:
        advice = f"The course could not be fetched from {url}: is git installed, is the network working?"
        raise RuntimeError(f"{advice}\n{getattr(error, 'stderr', None) or error}") from None
    sys.path.insert(0, os.path.abspath("cours-llm"))
    sys.modules.pop("utils", None)  # in case another “utils” is lying around next to the notebook

from utils import runtime

runtime.start("{{lab}}", language="en")
