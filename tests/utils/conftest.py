"""A cache and a local index of small wheels, so that these tests need no network and touch nothing of the user's."""

import hashlib
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from utils.assets.archive import Archive
from utils.environment import ROOT


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache folder, outside grading."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("COURSE_CACHE", str(folder))
    monkeypatch.delenv("NBGRADER_EXECUTION", raising=False)
    return folder


@pytest.fixture
def index(tmp_path, monkeypatch):
    """The only place where pip looks; `build_wheel(index, …)` fills it."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    return folder


@pytest.fixture
def build_wheel(index):
    """build_wheel(members={path: bytes or (ZipInfo, bytes)}, project=…) -> (wheel, Archive that wants `wanted`)."""

    def build(members: dict, wanted=("tiny_data/",), project: str = "tiny-data", hashes=None) -> tuple[Path, Archive]:
        name = project.replace("-", "_")
        about = {
            f"{name}-1.0.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {project}\nVersion: 1.0\n".encode(),
            f"{name}-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            f"{name}-1.0.dist-info/RECORD": b"",
        }
        wheel = index / f"{name}-1.0-py3-none-any.whl"
        with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
            for path, content in (members | about).items():
                info, content = content if isinstance(content, tuple) else (zipfile.ZipInfo(path), content)
                archive.writestr(info, content)
        return wheel, Archive(
            project, "1.0", hashlib.sha256(wheel.read_bytes()).hexdigest(), wheel.stat().st_size, wanted, hashes or {}
        )

    return build


@pytest.fixture
def in_process():
    """in_process(code, **environment) -> Popen of a Python that runs `code` with the checkout on its path."""
    started = []

    def start(code: str, **environment: str) -> subprocess.Popen:
        process = subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env=os.environ | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()
