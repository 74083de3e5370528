"""The English of the labs: what is extracted, what is put back, what stops a release."""

import ast

import polib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from authoring import language
from authoring.glossary import Glossary
from authoring.language import LanguageError, check, new_catalogue, translate, update
from authoring.prose import Kind, cells, units
from utils.environment import ROOT

SOURCES = {path.stem: path.read_text(encoding="utf-8") for path in sorted((ROOT / "solutions").glob("tp*/tp*.py"))}
TOY = '''# ---
# jupyter: ignored, even this
# ---

# %% [markdown]
# # Les tokens
#
# Un modèle a 30 522 tokens, et 3,5 % de `trous` : voir [la page](https://a.b/c).
# La formule $x = 0{,}5$ le dit.
#
# ```python
# un = "bloc de code"
# ```
#
# <details><summary>Un indice</summary>
# Comptez les 12 cases.
# </details>

# %% exercise="ex1_toy" role="solution"
def somme(x):
    """La somme des cases."""
    ### BEGIN SOLUTION
    # On additionne tout,
    # puis on rend le total.
    return sum(x)  # le total
    ### END SOLUTION

# %% exercise="ex1_toy" role="check" points=1
mode, n = "pt", 3
row = {"exactitude": f"Il y en a {n:.1f} ; c'est {'trop' if n > 2 else 'peu'}."}
print("Résultat : {}".format(row["exactitude"]))
'''
ENGLISH = {
    "# Les tokens": "# Tokens",
    "Un modèle a 30 522 tokens, et 3,5 % de `trous` : voir [la page](https://a.b/c).\nLa formule $x = 0{,}5$ le dit.": (
        "A model has 30,522 tokens, and 3.5% of `trous`: see [the page](https://a.b/c).\nThe formula $x = 0.5$ says so."
    ),
    "<details><summary>Un indice</summary>\nComptez les 12 cases.\n</details>": (
        "<details><summary>A hint</summary>\nCount the 12 cells.\n</details>"
    ),
    "La somme des cases.": "The sum of the cells.",
    "On additionne tout,\npuis on rend le total.": "Everything is added up.",
    "le total": "the total",
    "exactitude": "accuracy",
    "Il y en a {n:.1f} ; c'est {'trop' if n > 2 else 'peu'}.": (
        "That is {'too many' if n > 2 else 'few'}: there are {n:.1f}."
    ),
    "Résultat : {}": "Result: {}",
}


def catalogue_of(source, translated):
    """A catalogue whose every unit, bare words included, is what `translated` says of it."""
    entries = {}
    for unit in units(source):
        entries[unit.key] = polib.POEntry(msgctxt=unit.cell, msgid=unit.text, msgstr=translated(unit))
    return new_catalogue(entries.values())


def toy(**changes):
    """The toy lab's catalogue, with the English of some of its texts replaced."""
    english = ENGLISH | {text: new for text, new in ENGLISH.items() if text in changes} | changes
    return new_catalogue(
        polib.POEntry(msgctxt=unit.cell, msgid=unit.text, msgstr=english[unit.text])
        for unit in {unit.key: unit for unit in units(TOY)}.values()
        if unit.text in english
    )


def with_one(start, new):
    """The toy lab's catalogue, but for the text that begins so."""
    (text,) = [text for text in ENGLISH if text.startswith(start)]
    return toy(**{text: new})


# --- every lab ---


@pytest.mark.parametrize("lab", SOURCES)
def test_an_identity_catalogue_gives_the_source_back(lab):
    source = SOURCES[lab]
    catalogue = catalogue_of(source, lambda unit: unit.text)
    assert translate(source, polib.pofile(str(catalogue), wrapwidth=0)) == source


@pytest.mark.parametrize("lab", SOURCES)
def test_with_every_unit_translated_the_code_is_the_same_and_compiles(lab):
    source = SOURCES[lab]
    english = translate(source, catalogue_of(source, lambda unit: f"Ω{unit.text}\nΩ" if "\n" in unit.text else "Ω"))
    before, after = cells(source), cells(english)
    assert [cell.header for cell in before] == [cell.header for cell in after]
    for old, new in zip(before, after, strict=True):
        if not old.markdown:
            assert shape(ast.parse(old.text)) == shape(ast.parse(new.text)), new.text
    for line in source.splitlines():
        if "### BEGIN" in line or "### END" in line:
            assert line in english


def shape(tree):
    """The kinds of a tree's nodes, but for what is in f-strings."""
    if isinstance(tree, ast.JoinedStr | ast.Constant):
        return "literal"
    return type(tree).__name__, [shape(child) for child in ast.iter_child_nodes(tree)]


@pytest.mark.parametrize("lab", SOURCES)
def test_each_cell_has_a_name_of_its_own(lab):
    names = [cell.name for cell in cells(SOURCES[lab])]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("lab", [lab for lab in SOURCES if (ROOT / "solutions" / lab / "en.po").exists()])
def test_a_lab_with_a_catalogue_is_whole_and_its_catalogue_up_to_date(lab):
    path = ROOT / "solutions" / lab / "en.po"
    catalogue = language.read(path)
    assert check(SOURCES[lab], catalogue) == []
    assert str(update(SOURCES[lab], catalogue)) == path.read_text(encoding="utf-8"), (
        "python -m authoring.language update"
    )


# --- extraction ---


def test_units_are_the_prose_and_nothing_else():
    assert [unit.text for unit in units(TOY) if unit.required] == [text for text in ENGLISH if text != "exactitude"]
    assert [unit.text for unit in units(TOY) if not unit.required] == ["pt", "exactitude", "exactitude"]


def test_units_know_their_cell_and_kind():
    names = {unit.text.split("\n")[0]: (unit.cell, unit.kind) for unit in units(TOY)}
    assert names["# Les tokens"] == ("les-tokens-0", Kind.MARKDOWN)
    assert names["On additionne tout,"] == ("ex1-toy-solution", Kind.COMMENT)
    assert names["Résultat : {}"] == ("ex1-toy-check", Kind.STRING)


def test_comments_that_follow_each_other_are_one_text_if_they_begin_together():
    source = "# %%\nif x:  # en fin de ligne\n    # un texte\n    # qui continue\n# un autre\n"
    assert [unit.text for unit in units(source)] == ["en fin de ligne", "un texte\nqui continue", "un autre"]


def test_the_translation_stands_where_the_prose_stood():
    english = translate(TOY, toy())
    assert "    # Everything is added up.\n    return sum(x)  # the total\n    ### END SOLUTION" in english
    assert '# un = "bloc de code"' in english and "# jupyter: ignored, even this" in english
    assert "# A model has 30,522 tokens" in english and "\n# The formula" in english
    assert '"accuracy": f"That is' in english and 'row["accuracy"]' in english and '"pt"' in english


@given(st.text(alphabet="aé 🛟\\{}'\"#\n", max_size=30))
def test_any_string_is_given_back(text):
    source = f"# %%\nx = {text!r}  # {text!r}\n"
    assert translate(source, catalogue_of(source, lambda unit: unit.text)) == source


@given(
    st.lists(st.sampled_from(["# un mot", "#", "# ```", "# ### BEGIN SOLUTION", "#   - deux mots", "", "# 🛟 « là »"]))
)
def test_any_markdown_is_given_back(lines):
    source = "\n".join(["# %% [markdown]", *lines])
    assert translate(source, catalogue_of(source, lambda unit: unit.text)) == source


# --- update ---


def test_update_asks_for_what_is_required_in_the_source_s_order():
    catalogue = update(TOY, new_catalogue())
    assert [entry.msgid for entry in catalogue] == [text for text in ENGLISH if text != "exactitude"]
    assert not any(entry.msgstr for entry in catalogue)


def test_update_changes_nothing_twice():
    once = update(TOY, toy())
    assert str(update(TOY, polib.pofile(str(once), wrapwidth=0))) == str(once)
    assert translate(TOY, once) == translate(TOY, toy())


def test_a_changed_text_keeps_its_translation_marked_fuzzy_until_it_is_read_again():
    changed = TOY.replace("Comptez les 12 cases.", "Comptez les 13 cases.")
    catalogue = update(changed, toy())
    (entry,) = [entry for entry in catalogue if entry.fuzzy]
    assert "13" in entry.msgid and "12" in entry.msgstr and "12" in entry.previous_msgid
    assert [other.previous_msgid for other in update(changed, catalogue) if other.fuzzy] == [entry.previous_msgid]
    with pytest.raises(LanguageError, match=r"les-tokens-0, “.*Comptez les 13.*fuzzy"):
        translate(changed, catalogue)
    assert not any("12 cases" in other.msgid for other in catalogue)


def test_a_text_in_a_renamed_cell_keeps_its_translation():
    renamed = TOY.replace("ex1_toy", "ex2_other")
    assert translate(renamed, update(renamed, toy())) == translate(TOY, toy()).replace("ex1_toy", "ex2_other")


# --- check ---


def test_a_right_catalogue_has_no_fault():
    assert check(TOY, toy()) == []


def test_a_missing_unit_stops_the_translation_and_is_named():
    catalogue = new_catalogue(entry for entry in toy() if entry.msgid != "le total")
    assert check(TOY, catalogue) == ["ex1-toy-solution, “le total”: missing"]
    with pytest.raises(LanguageError, match="ex1-toy-solution, “le total”: missing"):
        translate(TOY, catalogue)


def test_a_unit_that_is_gone_is_a_fault():
    assert any("no longer in the source" in fault for fault in check(TOY.replace("  # le total", ""), toy()))


@pytest.mark.parametrize(
    ("start", "new", "fault"),
    [
        ("Il y en a", "There are {n:.1f}.", "expressions lost"),
        ("Il y en a", "There are {n:.2f}; it is {'too many' if n > 2 else 'few'}.", "expressions added"),
        ("Il y en a", "There are {n:.1f}; it is {'too many' if n > 3 else 'few'}.", "expressions added"),
        ("Il y en a", "There are {n:.1f}\" + \"; it is {'too many' if n > 2 else 'few'}.", "changes the code"),
        ("Il y en a", "There are \"{n:.1f}\"; it is {'too many' if n > 2 else 'few'}.", "does not compile"),
        ("Résultat", "Result: {0} {1}", "expressions added: {0}, {1}"),
        ("Résultat", "Result : {}", "French spacing or guillemets"),
        ("Résultat", " Result: {}", "spaces at the ends added"),
        ("le total", "the «total»", "French spacing or guillemets"),
        ("exactitude", "exactitude", None),
        ("<details>", "<details><summary>A hint</summary>\nCount the 13 cells.\n</details>", "numbers lost: 12"),
        ("<details>", "<details><summary>A hint</summary>\nCount the 12 cells.", "tags lost: /details"),
        (
            "<details>",
            "<details><summary>A hint</summary>\n- Count the 12 cells.\n</details>",
            "items or rows added: -",
        ),
        ("# Les", "## Tokens", "headings, items or rows lost: #"),
        ("# Les", "# Words", "“token” without “token”"),
    ],
)
def test_a_translation_that_says_something_else_is_a_fault(start, new, fault):
    faults = check(TOY, with_one(start, new))
    assert any(fault in line for line in faults) if fault else faults == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("https://a.b/c", "https://a.b/en", "links added: https://a.b/en"),
        ("x = 0.5", "x = 0.6", "formulas lost: $x = 0.5$"),
        ("`trous`", "`holes`", "names in code lost: trous"),
        ("30,522", "30.522", "numbers added: 30.522"),
        ("3.5%", "3,5%", "numbers lost: 3.5"),
        ("A model", "A network", "“modèle” without “model”"),
        ("`trous`: see", "`trous`\u00a0: see", "French spacing"),
    ],
)
def test_numbers_links_formulas_names_and_terms_are_kept(old, new, fault):
    (english,) = [text for text in ENGLISH.values() if text.startswith("A model")]
    assert old in english
    assert any(fault in line for line in check(TOY, with_one("Un modèle", english.replace(old, new))))


def test_the_words_of_a_formula_are_translated():
    source = "# %% [markdown]\n# Soit $p = c / \\text{mots prédits}$, et rien de plus.\n"
    assert (
        check(source, catalogue_of(source, lambda _: "Let $p = c / \\text{predicted words}$, and nothing else.")) == []
    )


def test_a_fuzzy_unit_is_a_fault():
    catalogue = toy()
    catalogue[0].flags = ["fuzzy"]
    assert check(TOY, catalogue) == ["les-tokens-0, “# Les tokens”: fuzzy"]


def test_data_is_translated_to_itself():
    source = '# %%\nprompt = "Le mot « token » : 3,5 %"\n'
    assert check(source, catalogue_of(source, lambda unit: unit.text)) == []


def test_a_string_has_one_translation_in_a_lab():
    source = '# %% exercise="a" role="given"\nx = "taux moyen"\n# %% exercise="b" role="given"\ny = "taux moyen"\n'
    catalogue = catalogue_of(source, lambda unit: "rate" if unit.cell == "a-given" else "mean rate")
    assert any("“mean rate” here and “rate” elsewhere" in fault for fault in check(source, catalogue, Glossary({})))


def test_a_bare_word_of_the_french_prose_cannot_be_forgotten():
    source = TOY.replace("Comptez les 12 cases.", "Comptez les 12 cases : c'est l'exactitude, en mode pt.")
    source = source.replace('"pt"', '"en"')  # two letters say nothing of a language
    english = ENGLISH | {
        unit.text: "<details><summary>A hint</summary>\nCount the 12 cells: the accuracy, in pt mode.\n</details>"
        for unit in units(source)
        if unit.text.startswith("<details>")
    }
    catalogue = catalogue_of(source, lambda unit: english.get(unit.text, unit.text))
    assert check(source, catalogue) == []
    faults = check(source, new_catalogue(entry for entry in catalogue if entry.msgid not in ("exactitude", "en")))
    assert faults == ["ex1-toy-check, “exactitude”: looks French; give it an entry (its own text if it is data)"]


@given(st.integers(0, 10**7), st.integers(0, 99))
def test_a_number_is_itself_in_both_forms(whole, cents):
    grouped = f"{whole:,}.{cents:02d}"
    french = grouped.replace(",", "\u202f").replace(".", ",")
    source = f"# %% [markdown]\n# Soit {french} euros.\n"
    assert check(source, catalogue_of(source, lambda _: f"Take {grouped} euros.")) == []
    assert check(source, catalogue_of(source, lambda _: f"Take {whole + 1:,}.{cents:02d} euros.")) != []


# --- the command ---


def test_the_command_updates_checks_and_counts(tmp_path, capsys):
    lab = tmp_path / "toy"
    lab.mkdir()
    (lab / "toy.py").write_text(TOY, encoding="utf-8")
    assert language.main(["check"], tmp_path) == 0
    assert language.main(["update", "toy"], tmp_path) == 0
    assert "0 of 8 units in English, 0 fuzzy, 8 missing" in capsys.readouterr().out
    assert language.main(["check"], tmp_path) == 1
    assert "toy: ex1-toy-solution, “le total”: missing" in capsys.readouterr().out
    language.write(toy(), lab / "en.po")
    assert language.main(["check"], tmp_path) == 0
    assert language.main(["stats", "toy"], tmp_path) == 0
    assert "toy: 9 of 9 units in English" in capsys.readouterr().out
