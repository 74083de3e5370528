"""Moodle: an assignment's submissions in, marks and feedback out, in the files that Moodle itself writes and reads.

    python -m grading.moodle import ZIP --lab tp1_mlm [--worksheet CSV]     « Download all submissions » → submitted/
    python -m grading.moodle export --lab tp1_mlm [--worksheet CSV]         → class/moodle/<lab>/

`import` takes the archive of *View all submissions > Download all submissions*, in folders or not, of any Moodle since
3.1.  `export` writes `notes.csv`, for *Upload grading worksheet*, and `feedback.zip`, for *Upload multiple feedback
files in a zip*.  Both go by the participant number that stands in the archive's names, which is the assignment's own;
it is kept in class/moodle/<lab>/participants.csv.  Moodle reads a worksheet by its column titles, in the language of
the person who uploads it: give the one that Moodle has you download and it is filled in, every other column as it was.
"""

import argparse
import csv
import io
import re
import shutil
import sys
import unicodedata
import zipfile
import zlib
from dataclasses import dataclass
from html import escape
from pathlib import Path, PurePosixPath

from authoring.catalogue import Catalogue
from authoring.lab import Lab
from authoring.nbgrader import COURSE
from grading.book.intake import FOLDER_BYTES, FOLDER_FILES
from grading.book.ledger import EntryState
from grading.grade import Marks, marks_of
from grading.reports.page import points
from utils.environment import ROOT
from utils.files import ignored, is_plain, member_name, safe_path
from utils.language import _, speaking

ARCHIVE_BYTES = 20_000_000_000  # of all submissions together, unpacked
ARCHIVE_FILES = 50_000
# `Nom Prénom_123456_assignsubmission_file`, then `_/copie.ipynb`, `/copie.ipynb` (Moodle 4.1) or `_copie.ipynb`.
# Some file managers put it all into one more folder.
NAME = re.compile(
    r"^(?:[^/]+/)?(?P<name>[^/]+?)_(?P<id>\d+)_assignsubmission_(?P<kind>[a-z]+)(?:_?/|_)(?P<path>.+)$", re.DOTALL
)
# Titles of a worksheet's columns, in English and French, as Moodle's language packs have them.
COLUMNS = {
    "id": ("Identifier", "Identifiant"),
    "name": ("Full name", "Nom complet", "Nom"),
    "email": ("Email address", "Adresse de courriel"),
    "grade": ("Grade", "Note"),
    "maximum": ("Maximum Grade", "Maximum grade", "Note maximale"),
    "modified": ("Last modified (grade)", "Dernière modification (note)"),
    "comment": ("Feedback comments", "Feedback par commentaires", "Commentaires de feedback"),
}
FRESH = ["id", "name", "email", "grade", "maximum", "modified", "comment"]  # of a worksheet made here, in English


class MoodleError(ValueError):
    """A file that is not what Moodle writes, or that would be dangerous to unpack; the message says what to do."""


@dataclass(frozen=True)
class Participant:
    """A student in one Moodle assignment."""

    student: str  # folder in submitted/
    id: str  # of the assignment's own, not the user's
    name: str
    email: str = ""
    kind: str = "file"


# ---------------------------------------------------------------------------------------------------------- import
@dataclass(frozen=True)
class Member:
    """A file of the archive, and whose it is."""

    info: zipfile.ZipInfo
    name: str
    id: str
    kind: str
    path: PurePosixPath


def import_submissions(
    archive: Path, root: Path, lab: str, worksheet: Path | None = None
) -> tuple[list[str], list[str]]:
    """Put the submissions of `archive` under submitted/ of a course folder: (students, what was left out).

    A student's folder of this lab is replaced as a whole, so that a file withdrawn on Moodle goes too; what it held is
    kept in moodle/<lab>/before/.  Raises `MoodleError`; then nothing has been changed.
    """
    notes: list[str] = []
    try:
        with zipfile.ZipFile(archive) as opened:
            members = _members(opened, notes)
            people = _people(members, root, lab, _emails(worksheet))
            ready = root / "moodle" / lab / "unpacked"
            shutil.rmtree(ready, ignore_errors=True)
            for member in members:
                try:
                    _unpack(opened, member, ready / people[member.id].student)
                except OSError as error:  # a name that this file system refuses, a file where a folder should be
                    notes.append(f"{member.info.filename}: cannot be written ({error.strerror}), left out")
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as error:
        raise MoodleError(f"{archive.name}: not a sound zip archive ({error}); download it again.") from None
    for person in people.values():
        target, before = root / "submitted" / person.student / lab, root / "moodle" / lab / "before" / person.student
        if (ready / person.student).is_dir():
            if target.exists():
                shutil.rmtree(before, ignore_errors=True)
                before.parent.mkdir(parents=True, exist_ok=True)
                shutil.move(target, before)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(ready / person.student, target)
    shutil.rmtree(ready, ignore_errors=True)
    _keep(people, root, lab)
    return sorted(person.student for person in people.values()), notes


def _members(archive: zipfile.ZipFile, notes: list[str]) -> list[Member]:
    """The files worth unpacking; raises `MoodleError` for an archive of another kind, or a bomb."""
    infos = [info for info in archive.infolist() if not info.is_dir()]
    if len(infos) > ARCHIVE_FILES or sum(info.file_size for info in infos) > ARCHIVE_BYTES:
        raise MoodleError("too much to unpack: more than a class can hand in. Look at what the archive holds.")
    found, count, size = [], {}, {}
    for info in infos:
        # A backslash is part of a name on Linux and a folder on Windows: never a part of what we write.
        text = member_name(info).replace("\\", "/")
        match = NAME.match(text)
        if not is_plain(info):
            notes.append(f"{text}: a symbolic link, left out")
        elif not match:
            notes.append(f"{text}: not named as Moodle names a submission, left out")
        elif (path := _safe(match["path"])) is None:
            notes.append(f"{text}: a path that leads out of its folder, left out")
        elif not any(map(ignored, PurePosixPath(text).parts)):
            member = Member(info, match["name"].strip(), match["id"], match["kind"], path)
            count[member.id] = count.get(member.id, 0) + 1
            size[member.id] = size.get(member.id, 0) + info.file_size
            found.append(member)
    if sum(size.values()) > shutil.disk_usage(Path(archive.filename or ".").parent).free:
        raise MoodleError("not enough room on the disk to unpack this archive.")
    too_big = {id for id in count if count[id] > FOLDER_FILES or size[id] > FOLDER_BYTES}
    for id in sorted(too_big):
        name = next(member.name for member in found if member.id == id)
        notes.append(
            f"{name}: {count[id]} files, {size[id] // 10**6} MB unpacked, left out: ask for the notebook alone"
        )
    kept = [member for member in found if member.id not in too_big]
    if not kept:
        raise MoodleError(
            "no submission in this archive: take the one of « View all submissions > Download all submissions »."
        )
    return kept


def _safe(path: str) -> PurePosixPath | None:
    """A relative path that stays where it is put and that every file system takes, or None."""
    pure = safe_path(path)
    if pure is None or len(pure.parts) > 20 or any(ord(letter) < 32 for letter in path):
        return None
    return None if any(":" in part or len(part.encode()) > 255 for part in pure.parts) else pure


def _unpack(archive: zipfile.ZipFile, member: Member, folder: Path) -> None:
    """Write one file; never more than it says it holds."""
    target = folder / member.path
    target.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(member.info) as source, target.open("wb") as file:
        left = member.info.file_size
        while left and (data := source.read(min(left, 1 << 20))):
            file.write(data)
            left -= len(data)
        if source.read(1):
            raise MoodleError(f"{member.info.filename}: holds more than it says; the archive may be an attack.")


def _people(members: list[Member], root: Path, lab: str, emails: dict[str, tuple[str, str]]) -> dict[str, Participant]:
    """Who each participant number is, and in which folder their work goes: their name, when nobody else has it."""
    known = {person.id: person for person in participants(root, lab)}
    names = {member.id: member.name for member in members}
    kinds = {member.id: member.kind for member in members if member.kind == "file"}
    owners: dict[str, set[str]] = {}
    for id, name in [*((person.id, person.name) for person in known.values()), *names.items()]:
        owners.setdefault(_folder(name).casefold(), set()).add(id)
    people = {}
    for id, name in names.items():
        full, email = emails.get(id, (name, ""))
        folder = _folder(name)
        if len(owners[folder.casefold()]) > 1 or folder.casefold() == "participant":  # homonyms; anonymous marking
            mark = email if 0 < len(email.encode()) <= 40 else id
            folder = _folder(f"{folder} ({mark})", longest=150)
        student = known[id].student if id in known else folder
        people[id] = Participant(student, id, full or name, email, kinds.get(id, "onlinetext"))
    return people


def _folder(name: str, longest: int = 100) -> str:
    """A name as a folder, of `longest` bytes: accents and spaces stay, what a file system could take amiss goes."""
    plain = unicodedata.normalize("NFC", name)
    plain = "".join(letter for letter in plain if letter.isprintable() and letter not in '/\\<>:"|?*[]')
    return plain.strip(" .").encode()[:longest].decode(errors="ignore").strip(" .") or "sans nom"


def _emails(worksheet: Path | None) -> dict[str, tuple[str, str]]:
    """Participant number → (full name, email), from a grading worksheet."""
    if worksheet is None:
        return {}
    sheet = Worksheet.read(worksheet)
    return {sheet.id_of(row): (sheet.get(row, "name"), sheet.get(row, "email")) for row in sheet.rows}


def participants(root: Path, lab: str) -> list[Participant]:
    """Those whose work came from Moodle, as `import` kept them."""
    path = root / "moodle" / lab / "participants.csv"
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [Participant(**row) for row in csv.DictReader(file)]


def _keep(people: dict[str, Participant], root: Path, lab: str) -> None:
    """Remember them, with those of earlier archives."""
    everyone = {person.id: person for person in participants(root, lab)} | people
    path = root / "moodle" / lab / "participants.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["student", "id", "name", "email", "kind"])
        writer.writerows([p.student, p.id, p.name, p.email, p.kind] for p in everyone.values())


# ---------------------------------------------------------------------------------------------------------- export
@dataclass
class Worksheet:
    """A grading worksheet: Moodle's, or one made here."""

    titles: list[str]
    rows: list[list[str]]

    @classmethod
    def read(cls, path: Path) -> "Worksheet":
        try:
            text = path.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError:
            text = path.read_text(encoding="cp1252")
        first = text.splitlines()[0] if text.strip() else ""
        table = list(csv.reader(io.StringIO(text), delimiter=max(",;\t", key=first.count)))
        sheet = cls(table[0] if table else [], [row for row in table[1:] if any(row)])
        lacking = [names[0] for key, names in COLUMNS.items() if key in ("id", "grade") and sheet._index(key) is None]
        if lacking:
            raise MoodleError(
                f"{path.name}: no column {' nor '.join(lacking)} (its columns: {', '.join(sheet.titles) or 'none'}). "
                "Take the file of « View all submissions > Download grading worksheet », in English or in French."
            )
        return sheet

    @classmethod
    def fresh(cls, people: list[Participant], maximum: float) -> "Worksheet":
        sheet = cls([COLUMNS[key][0] for key in FRESH], [])
        for person in sorted(people, key=lambda person: person.name.casefold()):
            # Moodle's importer wants the date of the grade that it may replace: none.
            sheet.rows.append([f"Participant {person.id}", person.name, person.email, "", f"{maximum:.2f}", "-", ""])
        return sheet

    def _index(self, key: str) -> int | None:
        titles = [title.strip().casefold() for title in self.titles]
        return next((titles.index(name.casefold()) for name in COLUMNS[key] if name.casefold() in titles), None)

    def get(self, row: list[str], key: str) -> str:
        index = self._index(key)
        return row[index].strip() if index is not None and index < len(row) else ""

    def put(self, row: list[str], key: str, value: str) -> None:
        index = self._index(key)
        if index is not None:
            row += [""] * (index + 1 - len(row))
            row[index] = value

    def id_of(self, row: list[str]) -> str:
        """The number in `Participant 123456`."""
        found = re.search(r"(\d+)$", self.get(row, "id"))
        return found[1] if found else ""

    def write(self, path: Path) -> None:
        """UTF-8 and commas, which is what Moodle's upload form proposes."""
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([self.titles, *self.rows])


def export(root: Path, lab: Lab, worksheet: Path | None = None, provisional: bool = False) -> tuple[Path, list[str]]:
    """Write notes.csv and feedback.zip into moodle/<lab>/ of a course folder: (the folder, what to know of it)."""
    people = {person.id: person for person in participants(root, lab.name)}
    if not people:
        first = f"run `make import-moodle ZIP=… LAB={lab.name}` first"
        raise MoodleError(f"{lab.name}: no submission came from Moodle; {first}.")
    marks = {mark.student: mark for mark in marks_of(root, lab)}
    maximum = max((mark.maximum for mark in marks.values()), default=0.0)
    sheet = Worksheet.read(worksheet) if worksheet else Worksheet.fresh(list(people.values()), maximum)
    notes, unfinished = [], 0
    for row in sheet.rows:
        person = people.get(sheet.id_of(row))
        mark = marks.get(person.student) if person else None
        if mark is None:
            continue
        if mark.error:
            notes.append(f"{mark.student}: not graded, no mark exported")
            if mark.state == EntryState.ASIDE:
                sheet.put(row, "comment", f"<p>{escape(mark.error)}</p>")
        elif mark.to_grade and not provisional:
            unfinished += 1
        else:
            sheet.put(row, "comment", comment(mark))
            sheet.put(row, "grade", f"{_scaled(mark, sheet.get(row, 'maximum')):.2f}")
    if unfinished:
        notes.append(f"{unfinished} without a mark, as an answer waits for a person (--provisional exports them too)")
    missing = set(people) - {sheet.id_of(row) for row in sheet.rows}
    if missing:
        notes.append("not in the worksheet: " + ", ".join(sorted(people[id].name for id in missing)))
    folder = root / "moodle" / lab.name
    sheet.write(folder / "notes.csv")
    _feedback_zip(folder / "feedback.zip", root, lab.name, people)
    return folder, notes


def _scaled(mark: Marks, maximum: str) -> float:
    """A mark in Moodle's scale, which is out of 100 unless the teacher changed it."""
    try:
        wanted = float(maximum.replace(",", "."))
    except ValueError:
        return mark.total
    return mark.total / mark.maximum * wanted if mark.maximum else 0.0


def comment(mark: Marks) -> str:
    """What Moodle shows under the mark: HTML, in the hand-in's language; the page in the zip says the rest."""
    with speaking(mark.language):
        told = _("{points} sur {maximum}. Le détail est dans la page jointe.")
        lines = [told.format(points=points(mark.total), maximum=points(mark.maximum)), *map(str, mark.notes)]
    return "".join(f"<p>{escape(line)}</p>" for line in lines)


def _feedback_zip(path: Path, root: Path, lab: str, people: dict[str, Participant]) -> None:
    """Each student's page in a folder named as Moodle's own archive names it; the same to the byte each time."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for person in sorted(people.values(), key=lambda person: person.id):
            page = root / "feedback" / person.student / lab / f"{lab}.html"
            if page.is_file():
                # Moodle splits these names at `_`: a name may not hold any.
                name = _folder(person.name).replace("_", " ")
                member = f"{name}_{person.id}_assignsubmission_{person.kind}_/{lab}.html"
                info = zipfile.ZipInfo(member, date_time=(2020, 1, 1, 0, 0, 0))
                info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
                archive.writestr(info, page.read_bytes())


# --------------------------------------------------------------------------------------------------------- command
def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m grading.moodle", description=__doc__.splitlines()[0])
    verbs = parser.add_subparsers(dest="verb", required=True)
    take = verbs.add_parser("import", help="an archive of all submissions → class/submitted/")
    take.add_argument("archive", type=Path)
    give = verbs.add_parser("export", help="→ class/moodle/<lab>/notes.csv and feedback.zip")
    give.add_argument("--provisional", action="store_true", help="marks too that still wait for a person")
    for verb in (take, give):
        verb.add_argument("--lab", required=True, choices=Catalogue().names)
        verb.add_argument("--worksheet", type=Path, help="Moodle's grading worksheet of this assignment")
    options = parser.parse_args(arguments)
    try:
        if options.verb == "import":
            students, notes = import_submissions(options.archive, COURSE, options.lab, options.worksheet)
            print(f"{len(students)} submissions → {COURSE.relative_to(ROOT)}/submitted/<name>/{options.lab}/")
        else:
            folder, notes = export(COURSE, Catalogue()[options.lab], options.worksheet, options.provisional)
            print(f"{folder.relative_to(ROOT)}/notes.csv: Upload grading worksheet")
            print(f"{folder.relative_to(ROOT)}/feedback.zip: Upload multiple feedback files in a zip")
    except (MoodleError, OSError) as error:
        print(f"[FAIL] {error}", file=sys.stderr)
        return 1
    for note in notes:
        print(f"  {note}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
