"""Every finding has its line, its mend, and counts in the exit code."""

import re

import pytest

from utils import models
from utils.assets.cache import CachedFolder
from utils.student import doctor
from utils.student.doctor import Line

PINS = [
    "# comment",
    "torch==2.13.0            # via",
    "tqdm==4.70.1",
    "six==1.17.0",
    "pywin32==311 ; sys_platform == 'none'",
]


def by_status(lines):
    return [(line.status, line.found) for line in lines]


def test_a_line():
    assert str(Line("OK", "tout va bien")) == "[OK] tout va bien"
    assert str(Line("FAIL", "pip est absent", "installez-le")) == "[FAIL] pip est absent → installez-le"


@pytest.mark.parametrize(
    ("version", "status"), [((3, 10, 4), "FAIL"), ((3, 11, 0), "OK"), ((3, 13, 9), "OK"), ((3, 14, 0), "FAIL")]
)
def test_python(version, status):
    assert next(doctor.python_lines(version)).status == status


@pytest.mark.parametrize(
    ("installed", "expected"),
    [
        ({"torch": "2.13.0+cpu", "tqdm": "4.70.1", "six": "1.17.0"}, ["OK", "OK"]),
        ({"torch": "2.13.0+cpu", "tqdm": "4.70.1"}, ["OK", "OK"]),  # six is nobody's: another tool may need it
        ({"torch": "2.14.0", "tqdm": "4.70.1"}, ["WARN", "OK"]),
        ({"torch": "2.13.0", "tqdm": "4.50.0"}, ["OK", "FAIL"]),  # below what the code needs
        ({"torch": "2.13.0"}, ["OK", "FAIL"]),
        ({"torch": "2.13.0", "tqdm": "4.70.1", "six": "1.16.0"}, ["OK", "OK", "WARN"]),
    ],
)
def test_packages(installed, expected):
    lines = list(doctor.package_lines(["torch>=2.6", "tqdm>=4.66"], PINS, installed.get))
    assert [line.status for line in lines] == expected
    assert all(line.mend for line in lines if line.status != "OK")


def test_the_mend_of_a_package_is_its_pin():
    (line,) = doctor.package_lines(["tqdm>=4.66"], PINS, {}.get)
    assert str(line) == '[FAIL] tqdm est absent → python -m pip install "tqdm==4.70.1"'


def test_cached(tmp_path):
    folder = CachedFolder(tmp_path / "m", {}, lambda partial: (partial / "w").write_text("good"))

    def lines(deep):
        return list(doctor.cached_lines("utils.models", {"masked": folder}, {"masked": ["tp1", "tp7"]}, deep))

    assert by_status(lines(False)) == [("FAIL", "masked (tp1, tp7) : absent ou incomplet")]
    folder.get()
    assert by_status(lines(True)) == [("OK", "masked (tp1, tp7) : présent, empreintes justes")]
    (tmp_path / "m" / "w").write_text("evil")
    assert [line.status for line in lines(False)] == ["OK"]
    (line,) = lines(True)
    assert str(line) == "[FAIL] masked (tp1, tp7) : abîmé (w) → python -m utils.models fetch masked"


def test_the_libraries_of_a_lab():
    """Those of its extra; which lab wants them is said, what else is installed is not said again."""
    known = (PINS, {"torch": "2.13.0", "six": "1.16.0"}.get)
    (line,) = doctor.extra_lines({"agents": ["tp8"]}, {"agents": ["tqdm>=4.66"], "vision": ["torch>=2.6"]}, *known)
    assert str(line) == '[FAIL] tqdm est absent (tp8) → python -m pip install "tqdm==4.70.1"'


@pytest.mark.parametrize(("total", "available", "status"), [(2, 1, "FAIL"), (8, 1, "WARN"), (8, 6, "OK")])
def test_memory(total, available, status):
    (line,) = doctor.memory_lines(total, available, 3.5)
    assert line.status == status and f"{available},0 Gio libres sur {total},0" in line.found


@pytest.mark.parametrize(("free", "writable", "status"), [(10, True, "OK"), (1, True, "WARN"), (10, False, "WARN")])
def test_disk(tmp_path, free, writable, status):
    (line,) = doctor.disk_lines(tmp_path, free, writable)
    assert line.status == status and bool(line.mend) == (status == "WARN")


def test_the_exit_code_and_a_check_that_breaks(monkeypatch, capsys):
    def good(deep, labs):
        yield Line("OK", f"profond : {deep}")

    def broken(deep, labs):
        raise ImportError("No module named 'psutil'")
        yield

    monkeypatch.setattr(doctor, "CHECKS", {"bon": good})
    assert doctor.main(["--deep"]) == 0
    assert capsys.readouterr().out == "[OK] profond : True\n\nTout est prêt.\n"
    monkeypatch.setattr(doctor, "CHECKS", {"mémoire": broken, "bon": good})
    assert doctor.main([]) == 1
    out = capsys.readouterr().out
    assert "[FAIL] mémoire : No module named 'psutil' → python -m pip install" in out and "1 point à régler" in out


def test_the_real_machine(cache, in_process):
    """In a process of its own, on an empty cache: every check speaks, and the models are what is missing."""
    program = "from utils.student import doctor; raise SystemExit(doctor.main([]))"
    out, err = in_process(program).communicate(timeout=600)
    lines = out.splitlines()
    assert all(line.startswith(("[OK]", "[WARN]", "[FAIL]")) for line in lines[:-2]), err
    for found in ("Python 3.", "torch 2.", "disque", "mémoire", "processeur", "GPU"):
        assert any(found in line for line in lines), found
    for role in models.ROLES:  # every one is a lab's
        assert any(re.fullmatch(rf"\[FAIL\] {role} \(tp.*\) : absent ou incomplet → .* fetch {role}", x) for x in lines)
    missing = "absent ou incomplet → python -m utils.corpora fetch film_reviews"
    assert f"[FAIL] film_reviews (tp1_mlm) : {missing}" in lines
    assert not cache.exists()  # a diagnosis writes nothing


def test_labs_that_are_named_are_all_that_counts(cache, monkeypatch, capsys):
    monkeypatch.setattr(doctor, "CHECKS", {name: doctor.CHECKS[name] for name in ("modèles", "corpus")})
    assert doctor.main(["tp0_quiz"]) == 0 and "[FAIL]" not in capsys.readouterr().out
    assert doctor.main(["tp1_mlm", "tp0_quiz"]) == 1
    found = re.findall(r"\[FAIL\] (\w+) \((.*)\)", capsys.readouterr().out)
    assert found == [(name, "tp1_mlm") for name in ("masked", "film_reviews", "general_english")]
    with pytest.raises(SystemExit):
        doctor.main(["tp99"])
    assert "TP inconnu : tp99" in capsys.readouterr().err


def test_only_the_last_check_imports_torch(in_process):
    """It takes seconds; whatever else is to be said is said in less than one."""
    code = """import sys
from utils import labs
from utils.student import doctor
*first, last = doctor.CHECKS.values()
found = [line for check in first for line in check(False, labs.read())]
print(len(found) > 20, {"torch", "transformers", "datasets", "numpy"} & sys.modules.keys())"""
    out, err = in_process(code).communicate(timeout=120)
    assert out == "True set()\n", out + err
