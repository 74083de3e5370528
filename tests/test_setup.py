"""pyproject.toml, constraints.txt and environment.yml say the same; `make` installs it, and twice in a row."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests import working_copy
from tests.english import left_in_french

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
PROJECT = tomllib.loads(PYPROJECT)["project"]
EXTRAS = PROJECT["optional-dependencies"]
DECLARED = [Requirement(line) for group in [PROJECT["dependencies"], *EXTRAS.values()] for line in group]
PINS = [
    Requirement(line.split("#")[0])
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    if line.split("#")[0].strip()
]
CUDA = re.compile(r"^(nvidia-|cuda-|triton$)")  # torch's CPU build does without them


def name_of(requirement: Requirement) -> str:
    return canonicalize_name(requirement.name)


def holds_here(requirement: Requirement, extra: str = "") -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def resolved_tree() -> dict[str, str]:
    """Name → installed version of all that the project pulls in here, its extras included."""
    todo, seen, tree = list(DECLARED), set(), {}
    while todo:
        requirement = todo.pop()
        wanted = (name_of(requirement), frozenset(requirement.extras))
        if wanted in seen:
            continue
        seen.add(wanted)
        distribution = metadata.distribution(requirement.name)
        tree[name_of(requirement)] = distribution.version
        for line in distribution.requires or []:
            child = Requirement(line)
            if any(holds_here(child, extra) for extra in ["", *requirement.extras]):
                todo.append(child)
    return tree


def test_every_pin_is_exact():
    for pin in PINS:
        assert re.fullmatch(r"==[\w.]+", str(pin.specifier)), pin


def test_torch_is_the_version_whose_cpu_build_is_used():
    assert [str(pin.specifier) for pin in PINS if pin.name == "torch"] == ["==2.13.0"]


@pytest.mark.parametrize("python", ["3.11.0", "3.11.9", "3.12.1", "3.13.0"])
@pytest.mark.parametrize(("platform", "os_name"), [("linux", "posix"), ("darwin", "posix"), ("win32", "nt")])
def test_a_pin_at_most_once_per_system_and_python(python, platform, os_name):
    place = {
        "python_full_version": python, "python_version": python.rpartition(".")[0], "sys_platform": platform,
        "os_name": os_name, "platform_machine": "x86_64", "implementation_name": "cpython",
    }  # fmt: skip
    names = [name_of(pin) for pin in PINS if pin.marker is None or pin.marker.evaluate(place)]
    assert len(names) == len(set(names))
    assert {name_of(r) for r in DECLARED} <= set(names)
    assert any(CUDA.match(name) for name in names) == (platform == "linux")
    assert ("pywinpty" in names) == (platform == "win32")


def test_every_dependency_is_pinned_within_its_bounds():
    pinned = {name_of(pin): str(pin.specifier).removeprefix("==") for pin in PINS}
    for requirement in DECLARED:
        assert requirement.specifier.contains(pinned[name_of(requirement)]), requirement


def test_constraints_cover_the_whole_tree_installed_here():
    pinned = {name_of(pin): Version(str(pin.specifier).removeprefix("==")) for pin in PINS if holds_here(pin)}
    installed = {name: Version(Version(version).public) for name, version in resolved_tree().items()}
    wrong = {name: (version, pinned.get(name)) for name, version in installed.items() if pinned.get(name) != version}
    assert not wrong, f"(installed, pinned): {wrong}"
    left_over = {name for name in pinned.keys() - installed.keys() if not CUDA.match(name)}
    assert not left_over, f"pinned, but nothing needs them: {left_over}"


def test_every_dependency_says_who_needs_it():
    listed = re.findall(r'^    "([^"]+)",(.*)$', PYPROJECT.split("[tool.")[0], flags=re.MULTILINE)
    assert {requirement for requirement, _ in listed} == {
        line for group in [PROJECT["dependencies"], *EXTRAS.values()] for line in group
    }
    silent = [requirement for requirement, rest in listed if not re.fullmatch(r" +# \S.{5,}", rest)]
    assert not silent


@pytest.mark.parametrize(
    ("folders", "extras"),
    [
        (["utils"], []),
        (["solutions"], []),
        (["authoring", "grading"], ["grading", "cluster"]),
        (["website"], ["grading", "site"]),
        (["tests"], ["grading", "cluster", "site", "dev"]),
    ],
)
def test_what_is_imported_is_declared(folders, extras):
    """A library that comes only because another one needs it may leave with it."""
    groups = [PROJECT["dependencies"], *(EXTRAS[extra] for extra in extras)]
    declared = {name_of(Requirement(line)) for group in groups for line in group}
    providers = metadata.packages_distributions()
    undeclared = {}
    for path in sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py")):
        for module in re.findall(r"^ *(?:import|from) (\w+)", path.read_text(encoding="utf-8"), flags=re.MULTILINE):
            origins = {canonicalize_name(origin) for origin in providers.get(module, [])}
            if origins and not origins & (declared | {canonicalize_name(PROJECT["name"])}):
                undeclared.setdefault(module, path.relative_to(ROOT).as_posix())
    assert not undeclared


def test_environment_yml_leaves_everything_to_pyproject_and_constraints():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    conda = [item for item in environment["dependencies"] if isinstance(item, str)]
    (pip,) = [item["pip"] for item in environment["dependencies"] if isinstance(item, dict)]
    assert environment["name"] == PROJECT["name"]
    assert {re.split("[=<>]", item)[0] for item in conda} == {"python", "pip", "git"}
    assert pip == ["-c constraints.txt", "-e .[grading]"]
    (python,) = [item.partition("=")[2] for item in conda if item.startswith("python=")]
    assert SpecifierSet(PROJECT["requires-python"]).contains(f"{python}.0")


def test_this_python_is_one_of_those_promised():
    assert SpecifierSet(PROJECT["requires-python"]).contains(".".join(map(str, sys.version_info[:3])))


def test_the_build_uses_the_pinned_setuptools():
    (build,) = tomllib.loads(PYPROJECT)["build-system"]["requires"]
    assert build in {str(pin) for pin in PINS}


def test_the_makefile_has_what_the_readmes_promise():
    rules = "".join((ROOT / name).read_text(encoding="utf-8") for name in ("Makefile", "grading/teacher.mk"))
    targets = set(re.findall(r"^([a-z-]+):", rules, flags=re.MULTILINE))
    for readme in ["README.md", "README.fr.md", "CONTRIBUTING.md"]:
        promised = set(re.findall(r"`?make ([a-z-]+)", (ROOT / readme).read_text(encoding="utf-8")))
        assert promised <= targets, readme


def test_no_figure_is_left_to_fill_in():
    """Measured numbers are written as @NAME@ until they are known."""
    documents = [*ROOT.glob("*.md"), *ROOT.glob("data/cards/*.md"), *ROOT.glob("solutions/*/*.py")]
    blanks = {path.name: re.findall(r"@[A-Z][A-Z0-9_]+@", path.read_text(encoding="utf-8")) for path in documents}
    assert not {name: found for name, found in blanks.items() if found}


def test_links_inside_the_documents_lead_somewhere():
    for path in ROOT.glob("*.md"):
        for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", path.read_text(encoding="utf-8")):
            assert (ROOT / target).exists(), f"{path.name}: {target}"


@pytest.mark.parametrize("python", ["python-that-is-not-there", "/bin/false"])
def test_no_suitable_python_is_a_clear_error(tmp_path, python):
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "constraints.txt").touch()
    done = subprocess.run(["make", "setup", f"PYTHON={python}"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode != 0
    assert "Il faut Python 3.11, 3.12 ou 3.13" in done.stdout
    assert not (tmp_path / ".venv").exists()
    english = os.environ | {"COURSE_LANG": "en"}
    done = subprocess.run(
        ["make", "setup", f"PYTHON={python}"], cwd=tmp_path, capture_output=True, text=True, env=english
    )
    assert done.returncode != 0 and "Python 3.11, 3.12 or 3.13 is needed" in done.stdout
    assert not left_in_french(done.stdout)


def status(address: str, patience: float = 30) -> int:
    """The HTTP status of `address`; a server that has printed its address may take a moment to listen."""
    end = time.monotonic() + patience
    while True:
        try:
            return urllib.request.urlopen(address, timeout=30).status
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_make_lab_on_a_fresh_copy_installs_opens_and_is_quick_the_second_time(tmp_path):
    course = working_copy.copy_to(tmp_path / "un cours")  # a space in the path, as people have
    subprocess.run(["make", "setup"], cwd=course, check=True, stdin=subprocess.DEVNULL)
    begin = time.monotonic()
    subprocess.run(["make", "setup"], cwd=course, check=True, stdin=subprocess.DEVNULL)
    seconds = time.monotonic() - begin
    print(f"make setup, the second time: {seconds:.0f} s")
    assert seconds < 60

    environment = {name: value for name, value in os.environ.items() if name not in {"DISPLAY", "WAYLAND_DISPLAY"}}
    lab = subprocess.Popen(
        ["make", "lab", "LAB_ARGS=--port=0"], cwd=course, env=environment, text=True, start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        printed = (re.search(r"http://(localhost|127\.0\.0\.1):\d+/lab\?token=\w+", line) for line in lab.stdout)
        address = next(match[0] for match in printed if match)
        assert status(address) == 200
        notebook = address.replace("/lab?", "/api/contents/fr/tp1_mlm/tp1_mlm.ipynb?content=0&")
        assert status(notebook) == 200
    finally:
        os.killpg(lab.pid, signal.SIGKILL)
        lab.wait()
