# Mise en route. Sur votre machine, le cours est déjà là ; sur Colab, cette cellule l'apporte (environ une minute).
import os
import subprocess
import sys

try:
    import utils.runtime
except ModuleNotFoundError as missing:
    if missing.name not in ("utils", "utils.runtime"):  # le cours est là, mais pas ses bibliothèques : voir le README
        raise
    url = os.environ.get("COURSE_URL", "{{COURSE_URL}}")
    options = {"check": True, "capture_output": True, "text": True}
    try:
        if not os.path.exists("cours-llm/utils/runtime.py"):
            if "votre-organisation" in url:
                advice = "Demandez l'adresse du cours à votre enseignant·e, puis exécutez dans une cellule ajoutée au-dessus :"
                raise RuntimeError(f"{advice}\nimport os; os.environ['COURSE_URL'] = 'https://…'") from None
            subprocess.run(["git", "clone", "--quiet", "--depth", "1", url, "cours-llm"], **options)
        subprocess.run([sys.executable, "-m", "utils.student.colab"], cwd="cours-llm", **options)
    except (OSError, subprocess.CalledProcessError) as error:
        advice = f"Impossible d'apporter le cours depuis {url} : git est-il installé, le réseau fonctionne-t-il ?"
        raise RuntimeError(f"{advice}\n{getattr(error, 'stderr', None) or error}") from None
    sys.path.insert(0, os.path.abspath("cours-llm"))
    sys.modules.pop("utils", None)  # au cas où un autre « utils » traînerait à côté du notebook

from utils import runtime

runtime.start("{{lab}}")
