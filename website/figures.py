"""Alternative text of matplotlib figures, in French, made from the figure itself while the notebook runs.

`describe_all(shell)` makes every figure shown in an IPython shell carry, in its output's metadata, what `describe` says
of it: titles, axes, legend, and what is drawn.  Students' sessions know nothing of it: only the site's run calls it.
"""

from matplotlib.collections import PathCollection, PolyCollection, QuadMesh
from matplotlib.container import BarContainer
from matplotlib.figure import Figure


def describe_all(shell) -> None:
    """From now on, each figure's PNG in `shell` comes with the metadata {"alt": description}."""
    shell.enable_matplotlib("inline")  # sets the formatter that is wrapped here
    formatter = shell.display_formatter.formatters["image/png"]
    draw = formatter.lookup_by_type(Figure)

    def draw_and_describe(figure: Figure):
        drawn = draw(figure)
        if drawn is None:
            return None
        png, metadata = drawn if isinstance(drawn, tuple) else (drawn, {})
        return png, {**metadata, "alt": describe(figure)}

    formatter.for_type(Figure, draw_and_describe)


def describe(figure: Figure) -> str:
    """One or several sentences; empty for a figure that has neither title, labels nor data."""
    parts = [figure.get_suptitle()] if figure.get_suptitle() else []
    panels = [axes for axes in figure.axes if axes.get_label() != "<colorbar>" and axes.get_visible()]
    said = [text for text in map(_panel, panels) if text]
    if len(said) > 1:
        parts.append(f"{len(said)} panneaux")
    sentences = [_clean(part).rstrip(".") for part in parts + said]
    return ". ".join(sentences) + "." if sentences else ""


def _panel(axes) -> str:
    title = " ".join(filter(None, (axes.get_title(loc=where) for where in ("left", "center", "right"))))
    kinds = list(_drawn(axes))
    named = (("abscisse", axes.get_xlabel()), ("ordonnée", axes.get_ylabel()))
    labels = [f"{name} : {text}" for name, text in named if text]
    legend = axes.get_legend()
    if legend is not None and (names := [text.get_text() for text in legend.get_texts() if text.get_text()]):
        labels.append(f"légende : {', '.join(names)}")
    if not (title or labels):
        return ", ".join(kinds)
    details = " ; ".join([", ".join(kinds)] * bool(kinds) + labels)
    return f"{title} ({details})" if title and details else title or details


def _drawn(axes):
    """« 2 courbes », « 12 barres », … for what is drawn on the axes."""
    bars = sum(len(container) for container in axes.containers if isinstance(container, BarContainer))
    points = sum(len(c.get_offsets()) for c in axes.collections if isinstance(c, PathCollection))
    lines = [line for line in axes.lines if len(line.get_xdata()) > 2]
    yield from (f"{n} {word}{'s' if n > 1 else ''}" for n, word in ((len(lines), "courbe"), (bars, "barre")) if n)
    if points:
        yield f"nuage de {points} point{'s' if points > 1 else ''}"
    for image in axes.images:
        rows, columns = image.get_size()
        yield f"grille colorée de {rows} lignes et {columns} colonnes"
    if any(isinstance(c, QuadMesh) for c in axes.collections):
        yield "grille colorée"
    if any(isinstance(c, PolyCollection) for c in axes.collections):
        yield "zones remplies"


def _clean(text: str) -> str:
    return " ".join(text.replace("$", "").split())
