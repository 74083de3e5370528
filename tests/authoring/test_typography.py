import pytest

from authoring import typography


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("# Vrai ? « Oui » : 15 % !", "# Vrai␣? «␣Oui␣»␣: 15␣%␣!"),
        ("# `a : b` ; $x : y$ : <i title='a : b'>", "# `a : b`␣; $x : y$␣: <i title='a : b'>"),
        ("# https://a.b/c?d ok", "# https://a.b/c?d ok"),
        ("# |:---|:--|", "# |:---|:--|"),
    ],
)
def test_spacing(line, expected):
    assert typography.spaced(line).replace(typography.NBSP, "␣") == expected


def test_only_markdown_cells_change():
    code = '# %%\nprint("a : b")  # vu : oui\n'
    fenced = "# %% [markdown]\n# ```\n# a : b\n# ```\n"
    assert typography.mended(code) == code
    assert typography.mended(fenced) == fenced


def test_check_names_the_line_and_changes_nothing(tmp_path, capsys):
    path = tmp_path / "lab.py"
    path.write_text("# %% [markdown]\n# Vrai ?\n", encoding="utf-8")
    assert typography.main(["--check", str(path)]) == 1
    assert "lab.py:2" in capsys.readouterr().out
    assert path.read_text(encoding="utf-8").endswith("Vrai ?\n")
    assert typography.main([str(path)]) == 0
    assert typography.main(["--check", str(path)]) == 0


def test_the_labs_are_spaced():
    assert typography.main(["--check"]) == 0
