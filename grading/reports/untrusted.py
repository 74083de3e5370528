"""nbgrader's pages of a hand-in, for a browser: whatever a student put into it, none of it runs.

Two walls, each enough alone.  What a hand-in holds goes through a sanitiser before it stands in a page, and the page's
Content-Security-Policy runs no script but those of nbgrader's own templates.
"""

import copy
import html
import re
from pathlib import Path

import jinja2
import nh3
from jinja2.ext import Extension
from nbconvert.exporters import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbformat import NotebookNode
from nbgrader.server_extensions.formgrader.handlers import template_path
from pygments.token import STANDARD_TYPES
from traitlets import Unicode, default

from grading.reports.page import POLICY

# Beyond these a fragment is shown as text: reading it would take minutes (nested tags: time grows with their square).
MOST_TAGS = 20_000  # with the entities; a table of 5,000 cells has 10,000
MOST_CHARACTERS = 1_000_000
LINK = re.compile(r"(https?|mailto):", re.IGNORECASE)  # no address of the server that shows the page
PICTURE = re.compile(r"data:image/(png|jpeg|gif|webp|svg\+xml)[;,]", re.IGNORECASE)  # scripts are dead in an <img>


def _kept(tag: str, attribute: str, value: str) -> str | None:
    allowed = {("a", "href"): LINK, ("img", "src"): PICTURE}.get((tag, attribute))
    return value if allowed is None or allowed.match(value) else None


# No id and no class that nbgrader's scripts could look for, no form, no SVG nor MathML.
_CLEANER = nh3.Cleaner(
    tags=nh3.ALLOWED_TAGS - {"area", "map"},
    attributes={
        "*": {"style", "title"}, "a": {"href"}, "img": {"src", "alt", "width", "height"}, "ol": {"start"},
        "td": {"colspan", "rowspan"}, "th": {"colspan", "rowspan"}, "details": {"open"}, "table": {"border"},
    },
    attribute_filter=_kept,
    filter_style_properties={"background-color", "color", "font-style", "font-weight", "text-align"},
    allowed_classes={"span": set(STANDARD_TYPES.values()), "div": {"highlight"}, "table": {"dataframe"}},
    url_schemes={"http", "https", "mailto", "data"},
    set_tag_attribute_values={"a": {"target": "_blank"}},
)  # fmt: skip


def clean(fragment: str) -> str:
    """HTML that a student wrote, made harmless; as text where it is too big to be read."""
    fragment = fragment.encode("utf-8", "replace").decode("utf-8")  # lone surrogates
    if len(fragment) > MOST_CHARACTERS or fragment.count("<") + fragment.count("&") > MOST_TAGS:
        return f"<pre>{html.escape(fragment[:MOST_CHARACTERS])}</pre>"
    return _CLEANER.clean(fragment)


class SafeExporter(HTMLExporter):
    """nbconvert's page of a notebook that nobody trusts."""

    mathjax = Unicode(help="what stands for MathJax, which would come from the network")

    @default("sanitize_html")
    def _sanitize_html(self):
        return True  # nbconvert's templates then leave out scripts and widgets, and call `clean_html`

    @default("extra_loaders")
    def _extra_loaders(self):
        return [jinja2.DictLoader({"mathjax.html.j2": f"{{% macro mathjax() %}}{self.mathjax}{{% endmacro %}}"})]

    def default_filters(self):
        yield from super().default_filters()
        yield "clean_html", clean

    @jinja2.pass_context
    def markdown2html(self, context, source):
        """Markdown to harmless HTML; in a graded answer tags are text, so that who marks it reads all of it."""
        cell = context.get("cell", {})
        answer = cell.get("metadata", {}).get("nbgrader", {}).get("solution", False)
        renderer = IPythonRenderer(escape=answer, attachments=cell.get("attachments", {}), exclude_anchor_links=True)
        return clean(MarkdownWithMath(renderer=renderer).render(source))

    def from_notebook_node(self, nb, resources=None, **kw):
        nb = copy.deepcopy(nb)
        for output in [output for cell in nb.cells for output in cell.get("outputs", [])]:
            if "metadata" in output:
                output.metadata = NotebookNode()  # templates put sizes and names of files into tags as they are
        return super().from_notebook_node(nb, resources, **kw)


class FeedbackPage(SafeExporter):
    """nbgrader's feedback page: a file without any script, which forbids itself all of them."""

    def from_notebook_node(self, nb, resources=None, **kw):
        page, resources = super().from_notebook_node(nb, resources, **kw)
        before, head, after = page.partition("<head>")
        if not head:
            raise ValueError("nbgrader's feedback page has no <head> for its policy")
        policy = f'<meta http-equiv="Content-Security-Policy" content="{POLICY}"/>'
        return f"{before}{head}\n{policy}{after}", resources


class Nonce(Extension):
    """Gives the scripts of nbgrader's own templates, and no others, the `nonce` of the answer they are rendered for.

    nbconvert's have none: there, a script stands around what a cell displays as JavaScript.
    """

    def preprocess(self, source, name, filename=None):
        own = filename is not None and Path(filename).is_relative_to(template_path)
        return source.replace("<script", '<script nonce="{{ nonce }}"') if own else source


class GradingPage(SafeExporter):
    """Formgrader's page of a hand-in; `environment.globals["nonce"]` is to be set before each."""

    @default("mathjax")
    def _mathjax(self):
        # Formgrader sets up its keyboard once MathJax has told that it is done.
        told = '{Hub: {Startup: {signal: {Interest: (tell) => tell("End")}}}}'
        return f'<script nonce="{{{{ nonce }}}}">var MathJax = {told};</script>'

    def _create_environment(self):
        environment = super()._create_environment()
        environment.add_extension(Nonce)
        return environment

    def from_notebook_node(self, nb, resources=None, **kw):
        resources = copy.copy(resources)  # names of students among others, which the template does not escape
        resources.update({name: html.escape(value) for name, value in resources.items() if isinstance(value, str)})
        return super().from_notebook_node(nb, resources, **kw)
