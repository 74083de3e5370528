"""A playground for next-token distributions: type a prompt, look at the candidates, click one to append it.

The bar chart is an ordinary figure that the controls update, so that without widgets (a static page, a kernel with
no front end) it is still there.  Under grading nothing is computed.
"""

import matplotlib.pyplot as plt
import torch
from IPython.display import display

from utils.environment import is_grading
from utils.language import _, figure


@torch.inference_mode()
def candidates(model, tokenizer, prompt: str, k: int = 5, temperature: float = 1.0) -> list[tuple[str, float]]:
    """The `k` most probable next tokens of `prompt`: [(token as text, probability)], most probable first.

    Raises `ValueError` for an empty prompt, k < 1 or a temperature that is not positive.
    """
    if not prompt:
        raise ValueError(_("La requête est vide : écrivez au moins un mot."))
    if k < 1 or temperature <= 0:
        message = _("k = {k} et température = {temperature} ; attendu : k ≥ 1 et température > 0.")
        raise ValueError(message.format(k=k, temperature=temperature))
    inputs = tokenizer(prompt, return_tensors="pt").to(model.device)
    logits = model(**inputs, logits_to_keep=1).logits[0, -1].float()
    best = (logits / temperature).softmax(dim=-1).topk(min(k, logits.numel()))
    return [(tokenizer.decode([i]), p) for i, p in zip(best.indices.tolist(), best.values.tolist(), strict=True)]


class Playground:
    """Prompt, model, temperature and number of candidates as controls; candidates as bars and as buttons.

    `models`: name → (model, tokenizer), or a function without argument that loads them when first chosen.
    """

    def __init__(self, models: dict, prompt: str, k: int = 5):
        self.models, self.prompt, self.k, self.temperature = dict(models), prompt, k, 1.0
        self.name = next(iter(self.models))
        self._handle = None
        self.controls = None

    def show(self) -> None:
        """Display the figure, then the controls where ipywidgets is there."""
        if is_grading():
            print(_("Le playground ne tourne pas pendant la correction."))
            return
        self._refresh()
        try:
            import ipywidgets
        except ImportError:
            return
        self.controls = self._build(ipywidgets)
        self._fill_buttons()
        display(self.controls)

    def append(self, token: str) -> None:
        """Add a candidate at the end of the prompt and draw anew."""
        self._prompt_box.value = self.prompt + token  # its observer refreshes

    def _build(self, widgets):
        wide = widgets.Layout(width="95%")
        self._prompt_box = widgets.Textarea(self.prompt, description=_("Requête"), layout=wide, continuous_update=False)
        model = widgets.Dropdown(options=list(self.models), value=self.name, description=_("Modèle"))
        temperature = widgets.FloatSlider(1.0, min=0.1, max=2.0, step=0.1, description=_("Température"))
        k = widgets.IntSlider(self.k, min=1, max=20, description=_("Candidats"))
        named = {"prompt": self._prompt_box, "name": model, "temperature": temperature, "k": k}
        for attribute, widget in named.items():
            widget.observe(lambda change, attribute=attribute: self._set(attribute, change["new"]), names="value")
        self._buttons, self._message = widgets.HBox(layout=widgets.Layout(flex_flow="row wrap")), widgets.HTML()
        self._make_button = lambda text: widgets.Button(description=text, layout=widgets.Layout(width="auto"))
        return widgets.VBox([self._prompt_box, widgets.HBox([model, temperature, k]), self._buttons, self._message])

    def _set(self, attribute: str, value) -> None:
        setattr(self, attribute, value)
        try:
            self._refresh()
            self._message.value = ""
        except ValueError as error:
            self._message.value = str(error)
        self._fill_buttons()

    def _refresh(self) -> None:
        if callable(self.models[self.name]):
            self.models[self.name] = self.models[self.name]()
        self.found = candidates(*self.models[self.name], self.prompt, self.k, self.temperature)
        figure, axes = plt.subplots(figsize=(7.5, 0.8 + 0.32 * len(self.found)), constrained_layout=True)
        labels = [token.replace(" ", "·").replace("\n", "⏎") for token, _p in self.found]
        bars = axes.barh(range(len(labels)), [100 * p for _token, p in self.found], color="C0")
        axes.bar_label(bars, fmt=_percent, padding=3)
        axes.set_yticks(range(len(labels)), labels)
        axes.invert_yaxis()
        axes.margins(x=0.15)
        axes.grid(False)
        shown = self.prompt if len(self.prompt) < 70 else "…" + self.prompt[-69:]
        covered = _percent(100 * sum(p for _token, p in self.found))
        axes.set(title=shown, xlabel=_("probabilité (%) ; {share} couverts").format(share=covered))
        plt.close(figure)
        if self._handle is None:
            self._handle = display(figure, display_id=True)
        else:
            self._handle.update(figure)

    def _fill_buttons(self) -> None:
        buttons = []
        for token, _p in self.found:
            button = self._make_button(token.strip() or repr(token))
            button.on_click(lambda _button, token=token: self.append(token))
            buttons.append(button)
        self._buttons.children = buttons


def _percent(value: float) -> str:
    """`20,5 %`, as the language writes it."""
    return _("{value}\u00a0%").format(value=figure(value, ".1f"))
