"""An executed notebook as one HTML page that needs nothing else: no script, no network, code behind a switch."""

import functools
import threading
from pathlib import Path
from typing import Any

from bankmkt.reports.report import Report

TEMPLATES = Path(__file__).parent / "templates"
SECURITY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""Content security policy of every page: a browser refuses any script and any request."""

SHOWN = ["text/html", "text/markdown", "image/svg+xml", "image/png", "image/jpeg", "text/plain"]


_ONE_AT_A_TIME = threading.Lock()  # the exporter keeps the notebook's language while it works


@functools.cache
def environment() -> Any:
    """Return the Jinja environment of our own templates; it escapes every value."""
    import jinja2

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )


@functools.cache
def css() -> Any:
    """Return the style of every page, marked as safe."""
    import markupsafe

    return markupsafe.Markup((TEMPLATES / "style.css").read_text(encoding="utf-8"))


@functools.cache
def _exporter() -> Any:
    """Return nbconvert's exporter with our template; making it takes longer than using it."""
    from nbconvert import HTMLExporter
    from traitlets.config import Config

    return HTMLExporter(
        template_name="report",
        extra_template_basedirs=[str(TEMPLATES)],
        exclude_anchor_links=True,
        config=Config({"NbConvertBase": {"display_data_priority": SHOWN}}),
    )


def render(notebook: Any, report: Report) -> str:
    """Render an executed notebook.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
    report : Report
        Its parameters, data and versions go to the page's foot.

    Returns
    -------
    str
        The page.
    """
    from pygments.formatters import HtmlFormatter

    templates, home = environment(), "../" * report.name.count("/") + "index.html"
    parts = {
        "title": f"{report.title} – {report.label}" if report.label else report.title,
        "security": SECURITY,
        "css": css() + HtmlFormatter(style="default", nobackground=True).get_style_defs(".highlight"),
        "top": templates.get_template("top.html.j2").render(report=report, home=home),
        "foot": templates.get_template("foot.html.j2").render(report=report),
    }
    with _ONE_AT_A_TIME:
        text, _ = _exporter().from_notebook_node(notebook, resources={"bankmkt": parts})
    return str(text)
