"""What a built site must be: whole, without a call to the network, every image described, nothing secret shown."""

import html
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from authoring.lab import Lab

TEXT = {".html", ".js", ".json", ".txt", ".css", ".xml", ".md", ".ipynb", ".py", ".svg"}
# What makes a browser load something, for each element; `<a href>` waits for a click.
LOADED = dict.fromkeys(("script", "img", "iframe", "source", "video", "audio", "embed"), "src")
LOADED |= {"link": "href", "object": "data"}


class Page(HTMLParser):
    """Links, targets, loaded addresses and images of a page."""

    def __init__(self, text: str):
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.targets: set[str] = set()
        self.undescribed: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        values = {name: value or "" for name, value in attributes}
        self.targets |= {values[name] for name in ("id", "name") if values.get(name)}
        if tag in ("a", "area") and values.get("href"):
            self.links.append(values["href"])
        if values.get(LOADED.get(tag, "")):
            self.loaded.append(values[LOADED[tag]])
        if tag == "img" and not values.get("alt", "").strip():
            self.undescribed.append(values.get("src", "?")[:80])


def faults(site: Path) -> list[str]:
    """Broken internal links, addresses loaded from elsewhere, images without alternative text: one sentence each."""
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}
    found = []
    for path, page in pages.items():
        name = path.relative_to(site).as_posix()
        found += [f"{name}: image without alternative text: {source}" for source in page.undescribed]
        found += [f"{name}: loaded from elsewhere: {address}" for address in page.loaded if _elsewhere(address)]
        for address in page.links + page.loaded:
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            if not target.is_file():
                found.append(f"{name}: broken link: {address}")
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].targets:
                found.append(f"{name}: no such place: {address}")
    for path in sorted(site.rglob("*.css")):
        style = path.read_text(encoding="utf-8")
        for address in re.findall(r"url\(\s*['\"]?([^)'\"]+)|@import\s+['\"]([^'\"]+)", style):
            if _elsewhere("".join(address)):
                found.append(f"{path.relative_to(site)}: loaded from elsewhere: {''.join(address)}")
    return found


def leaks(site: Path, labs: list[Lab], given: str = "") -> list[str]:
    """Lines of solutions or hidden tests that any file of a site shows: « file: line ».

    `given`: what students have anyway, the released notebooks; a line that also stands there is no secret.
    """
    known = plain(given)
    secret = {plain(line): line for lab in labs for line in lab.secret_lines if plain(line) not in known}
    return [
        f"{path.relative_to(site).as_posix()}: {line}"
        for path in sorted(site.rglob("*")) if path.is_file() and path.suffix in TEXT
        for text in [plain(_text(path))]
        for bare, line in secret.items() if len(bare) >= 20 and bare in text
    ]  # fmt: skip


def plain(text: str) -> str:
    """Letters, digits and operators in one row: neither spaces nor Markdown's signs nor the shape of quotes count."""
    text = text.translate(str.maketrans("’“”", '\'""'))
    return re.sub(r"[\s*_`\\#]+", "", text)


def _text(path: Path) -> str:
    text = path.read_text(encoding="utf-8", errors="replace")
    if path.suffix == ".html":
        text = html.unescape(re.sub(r"<[^>]*>", "", text))
    if path.suffix == ".ipynb":
        text = "\n".join("".join(cell["source"]) for cell in json.loads(text)["cells"])
    return text


def _elsewhere(address: str) -> bool:
    return bool(urlsplit(address).netloc) or urlsplit(address).scheme in ("http", "https")
