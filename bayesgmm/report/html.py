"""A report as one HTML file that asks nothing of the network."""

import base64
import hashlib
import json
from functools import cache
from importlib.resources import files

import jinja2
from markupsafe import Markup, escape

from bayesgmm.report.blocks import Report, Rows
from bayesgmm.report.svg import COLOURS, N_CLUSTER_COLOURS
from bayesgmm.report.wording import NBSP

_FOLDER = files("bayesgmm.report")


def to_html(report: Report) -> str:
    """Render a report.

    Every string is escaped: names of columns and data come from anywhere. A content security
    policy forbids requests, and every script but the one in the file.

    Parameters
    ----------
    report : Report

    Returns
    -------
    str
        The whole file.
    """
    script = _read("script.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return _template().render(
        report=report,
        style=Markup(_read("style.css")),
        script=Markup(script),
        script_hash=f"sha256-{digest}",
        colours=COLOURS,
        n_colours=N_CLUSTER_COLOURS,
    )


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_read),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        finalize=_unbroken,
    )
    environment.filters["kind"] = lambda block: type(block).__name__
    environment.filters["svg"] = Markup
    environment.filters["soft"] = _soft
    environment.filters["rows_json"] = _rows_json
    return environment.get_template("template.html.j2")


def _unbroken(value: object) -> object:
    """Text whose numbers stay on the line of their per cent signs."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return value.replace(" %", f"{NBSP}%")
    return value


def _soft(text: str) -> Markup:
    """Escaped text that may break after an underscore, as the names of columns have them."""
    return Markup("_<wbr>").join(escape(part) for part in text.split("_"))


def _rows_json(rows: Rows) -> Markup:
    data = {
        "columns": rows.columns,
        "numbers": rows.numbers,
        "values": rows.values,
        "memberships": rows.memberships,
    }
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    # Nothing inside may end the script element.
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def _read(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")
