"""What every lab says in the same words, in each language."""

import ast

import pytest

from authoring import templates
from authoring.catalogue import Catalogue
from authoring.lab import OTHERS, SOURCE_LANGUAGE, read_script
from authoring.language import _skeleton
from tests.toy_lab import SOURCE, TOY
from utils.environment import ROOT

LANGUAGES = (SOURCE_LANGUAGE, *OTHERS)
NAMED = "\n# %%\n# {{setup}}\n\n# %% [markdown]\n# Avant.\n#\n# {{handin}}\n#\n# Après.\n"


@pytest.mark.parametrize(
    ("language", "start", "end"),
    [
        ("fr", "# Mise en route.", 'runtime.start("tp7_toy")'),
        ("en", "# Setting up.", 'runtime.start("tp7_toy", language="en")'),
    ],
)
def test_they_stand_where_a_source_names_them(language, start, end):
    *_, setup, handin = read_script(SOURCE + NAMED, "tp7_toy", TOY.root, language).cells
    assert setup.source.startswith(start) and setup.source.endswith(f"\n\n{end}")
    assert '"https://example.org/toy-course"' in setup.source
    before, text, after = handin.source.split("\n\n")
    assert (before, after) == ("Avant.", "Après.") and text.count("\n") == 3
    assert "`make handin NOTEBOOK=tp7_toy.ipynb`" in text and "{{" not in setup.source + text


def test_a_name_elsewhere_than_alone_on_its_line_is_left():
    for script in ("# Voir {{handin}}.\n", "    # {{setup}}\n", "# {{figures}}\n"):
        assert templates.filled(script, "tp7_toy", "fr") == script


@pytest.mark.parametrize("language", OTHERS)
def test_the_set_up_cell_is_the_same_code_in_every_language_but_for_asking_for_it(language):
    codes = [templates.text_of("setup", spoken) for spoken in (SOURCE_LANGUAGE, language)]
    asked = codes[1].replace(f', language="{language}")', ")")
    assert asked != codes[1] and _skeleton(ast.parse(codes[0])) == _skeleton(ast.parse(asked))


@pytest.mark.parametrize("lab", Catalogue(), ids=lambda lab: lab.name)
def test_every_lab_has_both_and_no_copy_of_its_own(lab):
    script = lab.script.read_text(encoding="utf-8")
    assert len(templates.NAMED.findall(script)) == 2
    assert "make handin" not in script and "utils.student.colab" not in script


def test_there_is_one_text_a_name_and_language():
    texts = {path.name for path in (ROOT / "authoring" / "templates").iterdir() if path.suffix in (".py", ".md")}
    assert texts - {"__init__.py"} == {
        f"{name}_{language}{suffix}" for name, suffix in templates.SUFFIXES.items() for language in LANGUAGES
    }
