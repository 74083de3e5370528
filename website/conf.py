"""Sphinx's settings, the same for both editions (`-t student`, `-t teacher`).  Nothing is loaded from the network."""

from docutils.nodes import SkipNode
from latex2mathml.converter import convert
from sphinx.util import logging

teacher = tags.has("teacher")  # noqa: F821  (given by Sphinx)

project = "Les grands modèles de langue, à la main"
html_title = project + (" — édition de l'enseignant·e" if teacher else "")
author, project_copyright = "les auteurs du cours", "textes : CC BY-SA 4.0 ; code : MIT"
language = "fr"  # the search's stemmer, too

extensions = ["myst_parser"]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 6
myst_update_mathjax = False
smartquotes = False  # the texts have their typography
suppress_warnings = ["myst.header"]  # a document may skip a level of headings

html_theme = "furo"
html_static_path = ["static"]
html_favicon = "static/icon.svg"
html_css_files = ["course.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_math_renderer = "mathml"
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#17596f", "color-brand-content": "#17596f"},
    "dark_css_variables": {"color-brand-primary": "#7cc4dc", "color-brand-content": "#7cc4dc"},
    "top_of_page_buttons": [],
}


def setup(app):
    """Formulas become MathML when the site is built: no script, no font, and screen readers read them."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))


def _inline(translator, node):
    translator.body.append(_mathml(node, "inline"))
    raise SkipNode


def _block(translator, node):
    translator.body.append(f'<div class="math" tabindex="0">{_mathml(node, "block")}</div>\n')
    raise SkipNode


def _mathml(node, display):
    try:
        return convert(node.astext().strip(), display=display)
    except Exception as error:
        logging.getLogger(__name__).warning("formula %r: %r", node.astext(), error, location=node)
        return ""
