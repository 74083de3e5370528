"""The site in a browser: pages load from this machine alone, search and dark mode work, axe finds nothing serious.

The toy course's site, and the course's own where `make site` has built it.
"""

import pytest

from tests.browser.conftest import served
from tests.toy_lab import LAB
from website import build


@pytest.fixture(scope="module", params=["toy", "course"])
def student_site(request, sites):
    folder = sites["student"]
    if request.param == "course":
        folder = build.ROOT / "build" / "site"
        if not (folder / "index.html").exists():
            pytest.skip("build/site/ is not there: `make site` builds it")
    with served(folder) as address:
        yield folder, address


@pytest.fixture(scope="module")
def teacher_site(sites):
    with served(sites["teacher"]) as address:
        yield sites["teacher"], address


def names(folder) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.html"))


def visit(page, address: str) -> None:
    page.goto(address, wait_until="load")
    assert page.title() and page.locator("h1, #search-results").count()


def test_every_page_loads_from_here_alone(page, student_site, photograph):
    folder, address = student_site
    assert len(names(folder)) > 10
    for name in names(folder):
        visit(page, f"{address}/{name}")
    assert page.faults == [] and page.abroad == []
    lab = next(name for name in names(folder) if name.startswith("tp/"))
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for name in ("index.html", lab, "mesures.html"):
            visit(page, f"{address}/{name}")
            photograph(page, f"site-{'toy' if LAB in lab else 'cours'}-{name[:-5].replace('/', '-')}-{scheme}")


def test_the_search_finds_a_term_in_another_form(page, student_site, photograph):
    folder, address = student_site
    toy = (folder / "tp" / f"{LAB}.html").exists()
    visit(page, f"{address}/index.html")
    page.fill("input.sidebar-search", "inégalités" if toy else "perplexités")  # the page says it in the singular
    page.keyboard.press("Enter")
    page.wait_for_selector("#search-results li a")
    results = page.locator("#search-results li a")
    assert any("tp/" in (results.nth(i).get_attribute("href") or "") for i in range(results.count()))
    photograph(page, f"site-{'toy' if toy else 'cours'}-recherche")
    assert page.faults == [] and page.abroad == []
    results.first.click()
    page.wait_for_load_state()
    assert page.locator("h1").count()


def test_dark_mode(page, student_site):
    _, address = student_site
    page.emulate_media(color_scheme="light")
    visit(page, f"{address}/index.html")
    colour = "getComputedStyle(document.body).color + getComputedStyle(document.body).backgroundColor"
    light, seen = page.evaluate(colour), set()
    for _ in range(3):
        page.locator("button.theme-toggle:visible").first.click()
        seen.add((page.get_attribute("body", "data-theme"), page.evaluate(colour) != light))
    assert ("dark", True) in seen and ("light", False) in seen


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(page, student_site, axe, scheme):
    folder, address = student_site
    check_with_axe(page, folder, address, axe, scheme)


def test_axe_finds_nothing_serious_for_teachers(page, teacher_site, axe):
    check_with_axe(page, *teacher_site, axe, "light")


def check_with_axe(page, folder, address, axe, scheme):
    page.emulate_media(color_scheme=scheme)
    found = []
    for name in names(folder):
        visit(page, f"{address}/{name}")
        page.add_script_tag(path=axe)
        for fault in page.evaluate("axe.run().then(result => result.violations)"):
            if fault["impact"] in ("serious", "critical"):
                nodes = fault["nodes"]
                places = [f"{node['html'][:150]} — {node['failureSummary'][:300]}" for node in nodes[:3]]
                found.append("\n".join([f"{name}: {fault['id']} ({fault['impact']}, {len(nodes)} times)", *places]))
    assert not found, "\n\n".join(found)


def test_axe_sees_a_fault(page, student_site, axe):
    _, address = student_site
    visit(page, f"{address}/index.html")
    page.evaluate("document.querySelector('h1').innerHTML += '<img src=\"x.png\"><button></button>'")
    page.add_script_tag(path=axe)
    found = {fault["id"] for fault in page.evaluate("axe.run().then(result => result.violations)")}
    assert {"image-alt", "button-name"} <= found
