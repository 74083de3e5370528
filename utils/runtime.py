"""Seeds, threads and device: set here once, so that every lab runs the same way everywhere."""

import os
import random
import warnings

# The embedded profile never talks to the hub; without this each look-up waits for a time-out.
if os.environ.get("COURSE_MODELS", "embedded") == "embedded":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import datasets
import matplotlib.pyplot as plt
import numpy as np
import torch
import transformers

from utils.environment import budget, threads
from utils.language import _, choose

SEED = 0


def start(lab: str, seed: int = SEED, language: str = "") -> None:
    """Prepare the session of a lab: seeds, threads, quiet libraries, plot style; print one line that sums it up.

    `language`: the notebook's own, in which the course then speaks.
    """
    choose(language)
    seed_everything(seed)
    torch.set_num_threads(threads())
    _quiet()
    _plot_style()
    ready = _("{lab} : prêt — torch {version}, {device}, {threads} cœurs, graine {seed}, budget {amount}.")
    amount = _("réduit (correction)") if budget(False, True) else _("complet")
    print(
        ready.format(lab=lab, version=torch.__version__, device=device(), threads=threads(), seed=seed, amount=amount)
    )


def seed_everything(seed: int = SEED) -> None:
    """Seed Python, NumPy and torch (every device)."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def device() -> torch.device:
    """The CPU, for which the labs are written and measured, unless `COURSE_DEVICE` says otherwise."""
    return torch.device(os.environ.get("COURSE_DEVICE") or "cpu")


def _quiet() -> None:
    """Keep advice meant for developers away from students; errors still show."""
    warnings.filterwarnings("ignore", category=FutureWarning, module="transformers|peft")
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    datasets.disable_progress_bars()


def _plot_style() -> None:
    plt.rcParams.update(
        {
            "figure.figsize": (7.5, 3.6),
            "figure.dpi": 100,
            "axes.grid": True,
            "grid.alpha": 0.3,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.prop_cycle": plt.cycler(color=["#1f6f8b", "#e07a3f", "#5b8c3a", "#8a4f9e", "#c0392b"]),
        }
    )
