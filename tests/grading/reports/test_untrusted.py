"""What students wrote, in nbgrader's pages: harmless, and still readable."""

import base64
import html
import re
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output, new_raw_cell
from nbgrader.server_extensions.formgrader.handlers import template_path
from traitlets.config import Config

from grading import formgrader
from grading.reports.page import POLICY
from grading.reports.untrusted import MOST_CHARACTERS, MOST_TAGS, FeedbackPage, GradingPage, clean
from tests.toy_lab import LAB

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
SVG = base64.b64encode(b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>').decode()
ALIVE = re.compile(
    r"<(?!/?(p|img|a|b|i|div|span|pre|code|table|thead|tbody|tr|td|th|details|summary|h1|br|s)\b)\w|<[^>]*\s(on\w+|id|name|action|srcdoc)\s*=|javascript:",
    re.I,
)


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<svg onload=alert(1)><script>alert(1)</script></svg>",
        "<a href=' java\tscript:alert(1)'>x</a>",
        "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
        "<a href='/formgrader?path=submitted'>x</a>",
        "<img src='/api/shutdown'><img src='https://elsewhere.invalid/seen.png'>",
        "<img src='data:text/html,<script>alert(1)</script>'>",
        "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
        "<meta http-equiv=refresh content='0;url=/'><base href=//elsewhere.invalid>",
        "<form action=/x><input name=cookie><button>x</button></form>",
        "<object data=x></object><embed src=x>",
        "<style>@import '//elsewhere.invalid/x.css'</style><link rel=stylesheet href=x>",
        "<p style='background:url(//elsewhere.invalid/x);position:fixed;width:expression(alert(1))'>x</p>",
        "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>",
        "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
        "<!--><img src=x onerror=alert(1)>-->",
        "<div id=ex3_words class='nbgrader_cell score'>x</div>",
    ],
)  # fmt: skip
def test_nothing_that_runs_is_left(hostile):
    left = clean(hostile)
    assert not ALIVE.search(left) and "elsewhere.invalid" not in left and "nbgrader_cell" not in left, left
    assert not re.search(r"(href|src)=", left), left


def test_what_is_harmless_stays():
    table = '<table border="1" class="dataframe"><tbody><tr><td colspan="2">1</td></tr></tbody></table>'
    assert clean(f"<style scoped>td {{}}</style>{table}") == table
    shown = '<span class="nb" style="background-color:red">print</span>'
    assert clean(shown) == shown
    assert clean(f'<img src="data:image/png;base64,{PIXEL}" alt="un point">').count(PIXEL) == 1
    assert 'href="https://example.org/"' in clean('<a href="https://example.org/">x</a>')
    assert clean("\ud83d") == "?"


@pytest.mark.parametrize("long", ["<b>" * (MOST_TAGS + 1), "&" * (MOST_TAGS + 1), "x" * (MOST_CHARACTERS + 1)])
def test_what_is_too_big_is_text(long):
    left = clean(long)
    assert left.startswith("<pre>") and "<b>" not in left and len(left) < 6 * MOST_CHARACTERS


def notebook() -> nbformat.NotebookNode:
    graded = {"nbgrader": {"grade_id": "ex3_words", "solution": True, "grade": True, "points": 2, "score": 0}}
    hostile = "<script>alert('{0}')</script><img src=x onerror=alert('{0}')> [x](javascript:alert('{0}'))"
    shown = {
        "text/html": hostile, "text/markdown": hostile, "application/javascript": "alert('output')",
        "image/svg+xml": "<svg onload=alert('output')/>", "text/latex": "$</div><script>alert('output')</script>$",
        "application/vnd.jupyter.widget-view+json": {"model_id": "x</script><script>alert('output')</script>"},
        "text/vnd.mermaid": "<script>alert('output')</script>",
    }  # fmt: skip
    outputs = [new_output("display_data", data={kind: data}) for kind, data in shown.items()]
    outputs += [new_output("display_data", data={"text/html": "x"}, metadata={"text/html": {"isolated": True}})]
    sizes = {"width": "1 onload=alert('size')", "unconfined": True}
    named = {"filenames": {"image/png": "/api/shutdown"}}
    outputs += [new_output("display_data", data={"image/png": PIXEL}, metadata={"image/png": sizes})]
    outputs += [new_output("display_data", data={"image/png": PIXEL}, metadata=named)]
    outputs += [new_output("display_data", data={"image/png": "'\"><script>alert('output')</script>"})]
    outputs += [new_output("stream", text=hostile), new_output("error", ename="x", evalue=hostile, traceback=[hostile])]
    files = {"x.svg": {"image/svg+xml": SVG}, "x": {"text/html": "\"><script>alert('attached')</script>"}}
    made = new_notebook(cells=[
        new_markdown_cell(f"**gras** <mask>\n\n{hostile}", metadata=graded),
        new_markdown_cell(f"**gras** <mask>\n\n{hostile}\n\n<details><summary>Indice</summary>ici</details>"),
        new_markdown_cell("![dessin](attachment:x.svg) ![page](attachment:x) [page](attachment:x)", attachments=files),
        new_code_cell(f"# </pre></script>{hostile}", outputs=outputs, metadata={"tags": ["'\"><script>alert('tag')"]}),
        new_raw_cell(hostile, metadata={"raw_mimetype": "text/html"}),
    ])  # fmt: skip
    made.metadata.widgets = {"application/vnd.jupyter.widget-state+json": {"state": {"</script><script>": {}}}}
    return made


def shown(exporter, template: str, resources: dict) -> str:
    config = Config(HTMLExporter={"template_name": template, "extra_template_basedirs": [template_path]})
    config.HTMLExporter.extra_template_paths = [
        str(Path(template_path).parent / "static/node_modules/bootstrap/dist/css")
    ]
    made = exporter(config=config)
    made.environment.globals["nonce"] = "of-this-answer"
    return made.from_notebook_node(notebook(), resources)[0]


FEEDBACK = {"nbgrader": {"notebook": LAB, "score": 0, "max_score": 2, "late_penalty": 0}}
NAME = "\"><script>alert('name')</script>"
GRADING = {"student": NAME, "last_name": None, "first_name": None, "index": 0, "total": 1, "notebook_path": NAME}


@pytest.mark.parametrize(
    ("exporter", "template", "resources"),
    [(FeedbackPage, "feedback", FEEDBACK), (GradingPage, "formgrade", GRADING)],
)
def test_the_pages_hold_no_script_of_a_student(exporter, template, resources):
    text = shown(exporter, template, resources)
    body = text.split("<body>", 1)[1]
    own = ("toggle_name", "$('span.glyphicon")  # what nbgrader's template brings
    scripts = re.findall(r"<script[^>]*>(.*?)</script>", body, re.DOTALL)
    assert all(script.strip().startswith(own) for script in scripts)
    tags = re.findall(r"<[a-z][^<>]*>", body)
    assert not [
        tag for tag in tags if re.search(r"\son\w+=(?!\"toggle_name)|javascript:|<i?frame|<svg|api/shutdown", tag)
    ]
    assert body.count("<strong>gras</strong>") == 2 and "<details><summary>Indice</summary>" in body
    assert body.count("&lt;mask&gt;") == 1 and "&lt;script&gt;alert('{0}')" in body  # an answer is read as it was typed
    assert f'src="data:image/svg+xml;base64,{SVG}"' in body and body.count(f'src="data:image/png;base64,{PIXEL}"') == 2


def test_nbgraders_feedback_forbids_itself_scripts_and_addresses(graded):
    for path in graded.glob(f"feedback/*/{LAB}/notebook/*.html"):
        head = path.read_text(encoding="utf-8").split("<head>")[1]
        policy = re.match(r'\s*<meta http-equiv="Content-Security-Policy" content="([^"]*)"/?>', head)
        assert policy and policy[1] == POLICY
        assert "default-src 'none'" in POLICY and "script-src" not in POLICY and "http" not in POLICY
        assert "<script" not in head
    ours = (graded / "feedback" / "anne" / LAB / f"{LAB}.html").read_text(encoding="utf-8")
    assert html.unescape(ours.partition('Policy" content="')[2]).startswith(POLICY)


def test_formgraders_own_scripts_have_the_nonce_and_nobody_elses():
    text = shown(GradingPage, "formgrade", GRADING)
    assert text.count("<script") == text.count('<script nonce="of-this-answer"') > 8
    assert "cdnjs" not in text  # MathJax would come from there


class Handler:
    """As nbgrader's, without a server."""

    content_security_policy = property(lambda self: "frame-ancestors 'self'")
    base_url = ""


def test_formgraders_policy():
    formgrader._guard(Handler)
    one, other = Handler(), Handler()
    policy = dict(part.strip().split(" ", 1) for part in one.content_security_policy.split(";"))
    assert (
        policy["default-src"] == "'none'" and policy["frame-ancestors"] == "'self'" and policy["base-uri"] == "'none'"
    )
    assert not re.search(r"'self'|unsafe-(inline|eval)|strict-dynamic|\*|http", policy["script-src"])
    nonce = re.search(r"'nonce-([\w-]{20,})'", one.content_security_policy)[1]
    assert nonce not in other.content_security_policy
    text = one.render("manage_students_assignments.tpl", student_id='";alert(1)//')
    assert f'<script nonce="{nonce}">' in text and '";alert' not in text
    assert text.count("<script") == text.count(f'nonce="{nonce}"')


def test_a_script_that_nbconvert_puts_around_an_output_has_no_nonce():
    config = Config(HTMLExporter={"template_name": "formgrade", "extra_template_basedirs": [template_path]})
    made = GradingPage(config=config, sanitize_html=False)  # the policy has to hold alone
    made.environment.globals["nonce"] = "of-this-answer"
    text = made.from_notebook_node(notebook(), GRADING)[0]
    found = re.search(r"<script([^>]*)>[^<]*alert\('output'\)", text)
    assert found and "nonce" not in found[1]


def test_the_handlers_in_nbgraders_templates_are_those_that_the_policy_lets_run():
    sources = [path.read_text(encoding="utf-8") for path in Path(template_path).rglob("*.*")]
    found = re.findall(r"\son[a-z]+=[\"']([^\"']*)", "".join(sources))
    assert sorted(found) == sorted(formgrader.ON_CLICK)
