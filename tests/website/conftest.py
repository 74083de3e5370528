"""A toy lab with all that a page of the site shows, run once, and both editions built from it."""

import pytest

from authoring.catalogue import Catalogue
from tests.toy_lab import copy_to
from website import build, pages

SHOWN = """
# %% [markdown]
# ## Une partie
#
# L'inégalité $p < \\frac{1}{2}$, et en grand :
#
# $$\\mathcal{L} = -\\sum_{t=1}^{k-1} \\log p(x_{t+1} \\mid x_1 \\dots x_t)$$
#
# <details><summary>Un indice</summary>
#
# - comptez **deux fois** `x`.
# </details>
#
# ### Exercice 12 — Compter
#
# <details><summary>🛟 « J'ai ce message… »</summary>
#
# - *trop grand* : comptez moins ;
# - *`x | y`* : relisez.
# </details>

# %% tags=["demo"]
import matplotlib.pyplot as plt
import pandas as pd
from IPython.display import HTML, display
figure, axes = plt.subplots()
axes.plot([1, 2, 3], [1, 4, 9], label="carrés")
axes.legend()
axes.set(title="Des carrés", xlabel="nombre", ylabel="carré")
plt.show()
display(pd.DataFrame({"modèle": ["petit"], "exactitude": [0.75]}))
display(HTML("<script>alert(1)</script>"))
print("\\x1b[31mrouge\\x1b[0m, 50 %\\r100 %")
"""


@pytest.fixture(scope="session")
def toy_course(tmp_path_factory):
    """The toy lab as the only lab, for as long as the tests of the site last; gives its executed form."""
    lab = copy_to(tmp_path_factory.mktemp("course"), SHOWN)
    lab.answers_path("ex3_words", ".md").write_text("# Exercice 3 — barème\n\nDit pourquoi.\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "BUILD", lab.root / "build")
        patch.setattr(build, "TARGETS", {"student": lab.root / "site", "teacher": lab.root / "site-enseignant"})
        yield pages.read_labs(Catalogue(lab.root), "small", lab.root / "executed")


@pytest.fixture(scope="session")
def sites(toy_course):
    """The folder of each edition."""
    for edition in pages.EDITIONS:
        assert build.build(edition, toy_course) == []
    return build.TARGETS
