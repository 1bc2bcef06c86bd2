"""A report as Markdown, pictures included, for Pandoc and the like."""

import base64
import re
from functools import cache
from importlib.resources import files

import jinja2

from bayesgmm.report.blocks import Block, Figure, Folded, Report, Switch
from bayesgmm.report.svg import standalone

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~$^])")


def to_markdown(report: Report) -> str:
    """Render a report.

    Pictures are defined at the end of the file as data, so that it reads well as plain text and
    still is one file.

    Parameters
    ----------
    report : Report

    Returns
    -------
    str
        The whole file.
    """
    figures = [figure for section in report.sections for figure in _figures(section.blocks)]
    names = {id(figure): f"figure-{i}" for i, figure in enumerate(figures, start=1)}
    pictures = [(names[id(figure)], _data_uri(figure.wide)) for figure in figures]
    text = _template().render(report=report, names=names, pictures=pictures, identity=id)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def escape(text: str) -> str:
    """Text that Markdown reads as text, on one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(str(text).split("\n")))


def _figures(blocks: tuple[Block, ...]) -> list[Figure]:
    found = []
    for block in blocks:
        if isinstance(block, Figure):
            found.append(block)
        elif isinstance(block, Switch):
            found.append(block.figures[block.chosen])
        elif isinstance(block, Folded):
            found += _figures(block.blocks)
    return found


def _data_uri(svg: str) -> str:
    data = base64.b64encode(standalone(svg).encode()).decode()
    return f"data:image/svg+xml;base64,{data}"


@cache
def _template() -> jinja2.Template:
    folder = files("bayesgmm.report")
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda name: (folder / name).read_text(encoding="utf-8")),
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["kind"] = lambda block: type(block).__name__
    environment.filters["md"] = escape
    return environment.get_template("template.md.j2")
