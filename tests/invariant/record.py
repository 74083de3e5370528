"""What must stay the same while the code changes: marks, states and messages, as they were before.

    python -m tests.invariant.record parts                            what can be recorded
    python -m tests.invariant.record record FILE [--only toy demo:tp1_mlm] [--again]
    python -m tests.invariant.record compare OLD NEW [--only toy]     prints the differences; exits 1 if there is one

`tests/invariant/recorded.json.gz` was made before the redesign: record into another file (build/new.json.gz), then
compare.  Meant to differ since: the stub does `raise ToDo`, and so says the advice; what is untouched is expected by
its code, not by a message.

`--only` takes beginnings of parts' names.  A file is added to: what it holds is not made again (but with `--again`),
and it is written after each part, so that a recording that was stopped goes on.  Each part runs in a process of its
own, with a fixed seed for hashes.  `adapter.py` is all that knows of the course's modules.
"""

import argparse
import difflib
import gzip
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

# What differs from one run to the next and is no part of the invariant.  Times are not recorded at all.
UNSTABLE = (
    (r"0x[0-9a-f]{6,16}\b", "0x…"),  # addresses of objects
    (r"\d\d/\d\d/\d{4} à \d\d:\d\d", "<date>"),  # when a student saved a notebook
    (r"\d{4}-\d\d-\d\d_\d\dh\d\d", "<date>"),  # in the name of a file kept aside
    (r"(/private)?/(tmp|var/folders)/[^\s'\",;:()»]*", "/tmp/…"),  # scratch folders
)


def record(path: Path, only: list[str], again: bool) -> int:
    """Add to the file `path` the parts whose names begin so; the number of those that could not be recorded."""
    failed = 0
    for part in chosen(_parts(), only):
        kept = read(path)
        if part in kept["parts"] and not again:
            continue
        began = time.monotonic()
        records = run(part)
        if records is None:
            failed += 1
            print(f"[FAIL] {part}", flush=True)
            continue
        kept["parts"][part] = records
        write(path, kept | {"about": about()})
        print(f"[OK] {part}: {len(records)} records, {time.monotonic() - began:.0f} s", flush=True)
    return failed


def _parts() -> list[str]:
    from tests.invariant import adapter

    return list(adapter.parts())


def chosen(names, only: list[str]) -> list[str]:
    return [name for name in names if not only or name.startswith(tuple(only))]


def run(part: str) -> dict | None:
    """The records of a part, made in a process of its own; None if it failed."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "records.json"
        command = [sys.executable, "-m", "tests.invariant.record", "run", part, str(target)]
        # FRESH: a test whose result is kept would not run, and leave nothing to record.
        done = subprocess.run(command, env=os.environ | {"PYTHONHASHSEED": "0", "FRESH": "1"}, check=False)
        return (json.loads(target.read_text(encoding="utf-8")) or None) if done.returncode == 0 else None


def run_here(part: str, target: Path) -> None:
    from tests.invariant import adapter

    records = normalised(adapter.parts()[part](), str(adapter.ROOT))
    target.write_text(json.dumps(records, ensure_ascii=False), encoding="utf-8")


def normalised(value, root: str):
    """A record as plain data, without what differs from one run to the next."""
    if isinstance(value, dict):
        return {normalised(key, root): normalised(item, root) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [normalised(item, root) for item in value]
    if isinstance(value, float):
        return round(value, 9)
    if isinstance(value, str):
        value = str(value).replace(root, "<root>")
        for pattern, instead in UNSTABLE:
            value = re.sub(pattern, instead, value)
    return value


def about() -> dict:
    """What the recording was made with: said by `compare`, never a difference."""
    from tests.invariant import adapter

    return {"python": platform.python_version(), **adapter.versions()}


def read(path: Path) -> dict:
    if not path.exists():
        return {"about": {}, "parts": {}}
    return json.loads(gzip.decompress(path.read_bytes()))


def write(path: Path, kept: dict) -> None:
    """The same to the byte for the same records, and whole or not at all."""
    text = json.dumps(kept, ensure_ascii=False, indent=1, sort_keys=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_bytes(gzip.compress(text.encode(), mtime=0))
    os.replace(partial, path)


# ------------------------------------------------------------------------------------------------------------ compare
def compare(old: dict, new: dict, only: list[str]) -> Iterator[str]:
    """The differences, as lines to read; parts that only one of them has are told and are differences too."""
    before, after = old["parts"], new["parts"]
    for part in chosen(sorted(before | after), only):
        if part not in before or part not in after:
            yield f"{part}: only in the {'new' if part in after else 'old'} recording"
            continue
        for key in sorted(before[part] | after[part]):
            if key not in before[part] or key not in after[part]:
                yield f"{part} / {key}: only in the {'new' if key in after[part] else 'old'} recording"
            elif lines := list(differences(before[part][key], after[part][key])):
                yield "\n".join([f"{part} / {key}", *lines])


def differences(old, new, where: str = "") -> Iterator[str]:
    """What differs between two records: the field, then its old and new lines."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name in [*old, *(name for name in new if name not in old)]:
            yield from differences(old.get(name), new.get(name), f"{where} › {name}" if where else name)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for number, (one, other) in enumerate(zip(old, new, strict=True), start=1):
            yield from differences(one, other, f"{where} {number}")
    elif old != new:
        yield f"  {where}"
        diff = list(difflib.unified_diff(_lines(old), _lines(new), lineterm="", n=1))
        yield from (f"    {line}" for line in diff[2:] if not line.startswith("@@"))


def _lines(value) -> list[str]:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=1)
    return text.splitlines() or ["(empty)"]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.invariant.record", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("parts")
    recording, comparing, running = (commands.add_parser(name) for name in ("record", "compare", "run"))
    recording.add_argument("file", type=Path)
    recording.add_argument("--again", action="store_true", help="what the file holds already, too")
    comparing.add_argument("old", type=Path)
    comparing.add_argument("new", type=Path)
    for command in (recording, comparing):
        command.add_argument("--only", nargs="+", default=[], metavar="PART", help="beginnings of parts' names")
    running.add_argument("part")  # what `record` starts
    running.add_argument("file", type=Path)
    options = parser.parse_args(arguments)
    if options.command == "parts":
        print("\n".join(_parts()))
        return 0
    if options.command == "run":
        run_here(options.part, options.file)
        return 0
    if options.command == "record":
        return 1 if record(options.file, options.only, options.again) else 0
    return report(read(options.old), read(options.new), options.only)


def report(old: dict, new: dict, only: list[str]) -> int:
    """Print the differences; 1 if there is one."""
    if old["about"] != new["about"]:
        print(f"[WARN] made with {old['about']}, then {new['about']}")
    found = list(compare(old, new, only))
    for difference in found:
        print(difference, end="\n\n")
    total = sum(len(old["parts"][part]) for part in chosen(old["parts"], only))
    print(f"[FAIL] {len(found)} differences" if found else f"[OK] {total} records are the same")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
