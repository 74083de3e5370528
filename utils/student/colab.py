"""Complete a machine that already has most libraries, such as Colab: install only those that the labs miss.

    python -m utils.student.colab

The notebooks' set-up cell runs this in the clone of the course.  What is installed and recent enough is kept,
whatever its version; torch is never touched.
"""

import subprocess
import sys
import tomllib
from importlib import metadata

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from utils.environment import ROOT
from utils.language import _

INTERFACE = {"jupyterlab", "notebook", "ipykernel", "jupyter-client"}  # Colab brings its own


def pins() -> dict[str, str]:
    """Name (canonical) → exact version, for this machine, from constraints.txt."""
    lines = [line.split("#")[0] for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()]
    requirements = [Requirement(line) for line in lines if line.strip()]
    here = [r for r in requirements if r.marker is None or r.marker.evaluate()]
    return {canonicalize_name(r.name): str(r.specifier).removeprefix("==") for r in here}


def missing() -> list[str]:
    """`name==version` of each library of the labs that is not installed here, or too old."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [Requirement(line) for line in project["dependencies"]]
    versions = pins()
    return [
        f"{r.name}=={versions[canonicalize_name(r.name)]}"
        for r in wanted
        if canonicalize_name(r.name) not in INTERFACE and not _is_enough(r)
    ]


def _is_enough(requirement: Requirement) -> bool:
    try:
        installed = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return False
    return requirement.name == "torch" or requirement.specifier.contains(installed, prereleases=True)


def main() -> int:
    """Install what is missing; return pip's exit code."""
    packages = missing()
    if not packages:
        print(_("Toutes les bibliothèques du cours sont là."))
        return 0
    print(_("Installation de : {names}").format(names=", ".join(packages)), flush=True)
    if not any(package.startswith("torch==") for package in packages):
        packages.append(f"torch=={metadata.version('torch')}")  # what is there stays: pip fails rather than change it
    return subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", *packages]).returncode


if __name__ == "__main__":
    sys.exit(main())
