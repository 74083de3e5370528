"""Local metric modules for `evaluate`, which otherwise fetches them: used in the same way, with no network.

    from utils import metrics
    metrics.load("f1").compute(predictions=[0, 1], references=[0, 1], average="macro")   # {"f1": 1.0}

Each folder holds one module of a few lines that wraps a well-kept library; `evaluate.load(folder)` works as well.
"""

from pathlib import Path

import evaluate

from utils.language import _

FOLDER = Path(__file__).resolve().parent
NAMES = tuple(sorted(path.parent.name for path in FOLDER.glob("*/*.py")))


def load(name: str) -> evaluate.EvaluationModule:
    """The metric called `name` (see `NAMES`); raises `ValueError` for another name."""
    if name not in NAMES:
        message = _("Métrique inconnue : « {name} ». Métriques du cours : {known}.")
        raise ValueError(message.format(name=name, known=", ".join(NAMES)))
    # In memory, so that two notebooks never meet in one file of evaluate's cache; the folder that evaluate wants all
    # the same stays beside its copy of the module, so that HF_MODULES_CACHE moves both to where one can write.
    folder = Path(evaluate.config.HF_MODULES_CACHE) / "evaluate_data"
    return evaluate.load(str(FOLDER / name), keep_in_memory=True, cache_dir=str(folder))
