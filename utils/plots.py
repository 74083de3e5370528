"""Small plotting helpers shared by the labs; the plots that teach something are drawn on the notebook's page."""

import time

import matplotlib.pyplot as plt
from IPython.display import display

from utils.environment import is_grading
from utils.language import _


class LiveCurve:
    """A curve that grows while a model trains: `curve.add(step, value)`, then `curve.close()`.

    Its axes are the steps and the loss in nats, unless they are given other names.  Drawn at most once per `every`
    seconds; under grading it only keeps its points, so that it costs nothing.
    """

    def __init__(self, title: str, ylabel: str = "", xlabel: str = "", every: float = 1.0):
        self.steps: list[float] = []
        self.values: list[float] = []
        self._labels = {"title": title, "xlabel": xlabel or _("pas"), "ylabel": ylabel or _("coût (nats)")}
        self._every, self._last, self._handle = every, 0.0, None

    def add(self, step: float, value: float) -> None:
        self.steps.append(step)
        self.values.append(float(value))
        if time.monotonic() - self._last >= self._every:
            self._draw()
            self._last = time.monotonic()

    def close(self) -> None:
        """Draw the last state."""
        self._draw()

    def _draw(self) -> None:
        if is_grading() or not self.steps:
            return
        figure, axes = plt.subplots()
        axes.plot(self.steps, self.values, alpha=0.35)
        axes.plot(self.steps, smooth(self.values), color="C0")
        axes.set(**self._labels)
        plt.close(figure)  # shown once, by display
        if self._handle is None:
            self._handle = display(figure, display_id=True)
        else:
            self._handle.update(figure)


def smooth(values: list[float], weight: float = 0.9) -> list[float]:
    """Exponential moving average, corrected for its start (Kingma & Ba 2015, §3)."""
    average, result = 0.0, []
    for i, value in enumerate(values, start=1):
        average = weight * average + (1 - weight) * value
        result.append(average / (1 - weight**i))
    return result
