"""From a sweep to a report: which sections there are, in which order."""

import hashlib
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from bayesgmm.report.blocks import (
    Block,
    Heading,
    KeyValues,
    Paste,
    References,
    Report,
    Section,
    Text,
)
from bayesgmm.report.context import Context
from bayesgmm.report.evidence import Evidence
from bayesgmm.report.methods import methods, references
from bayesgmm.report.sections.answer import answer
from bayesgmm.report.sections.clusters import clusters
from bayesgmm.report.sections.estimates import estimates
from bayesgmm.report.sections.how_many import how_many
from bayesgmm.report.sections.picture import picture
from bayesgmm.report.sections.rows import rows
from bayesgmm.report.sections.trust import checks, priors
from bayesgmm.report.wording import counted, fixed, row_list

_ALWAYS_USED = ("bayesgmm", "numpy", "scipy", "numba", "scikit-learn")
_USED_BY_POSTERIOR = ("pymc", "nutpie", "arviz")


def build_report(
    result: Any,
    *,
    title: str | None = None,
    command: str | None = None,
    units: Mapping[str, str] | None = None,
    left_out: Mapping[str, str] | None = None,
    incomplete: Sequence[int] = (),
    date: str = "",
) -> Report:
    """Everything a report says, as plain values.

    Parameters
    ----------
    result : SelectionResult
        From `bayesgmm.select_components`.
    title : str, optional
        What the data are; by default the name the result has for them.
    command : str, optional
        The command line that made the result; by default lines of Python that do.
    units : mapping of str to str, optional
        Column -> unit, printed beside its numbers.
    left_out : mapping of str to str, optional
        Column of the table that is not among the data -> why.
    incomplete : sequence of int, optional
        Rows of the table (from 0, ascending) that are not among the data, because they have gaps.
    date : str, default ""
        As printed at the top.

    Returns
    -------
    Report
    """
    evidence = Evidence(result)
    name = title or result.data_name or "Data"
    context = Context(
        evidence, str(name), dict(units or {}), dict(left_out or {}), tuple(incomplete)
    )
    sections = (
        clusters(context),
        picture(context),
        rows(context),
        how_many(context),
        estimates(context),
        checks(context),
        priors(context),
        _methods(context),
        _reproduce(context, command),
    )
    return Report(
        title=context.data_name,
        answer=answer(context, date),
        sections=tuple(section for section in sections if section is not None),
        n_clusters=context.chosen.k,
        footer=(
            "Every sentence and number is computed from the data by bayesgmm. This file is "
            "self-contained and requests nothing from the network."
        ),
    )


def _methods(context: Context) -> Section:
    text = methods(context)
    blocks: list[Block] = [Paste(text, button="Copy the paragraph")]
    if not context.chains_agree:
        # Nobody should paste intervals of chains that disagree.
        blocks = [Text("Withheld: the chains of the chosen model disagree. Run longer first.")]
    cited = references(text)
    if cited:
        blocks += [Heading("References"), References(cited)]
    blocks += [
        Heading("How to cite"),
        Text(
            "Cite the works above for the methods, and bayesgmm with its version "
            f"({_version('bayesgmm')}) for the computation."
        ),
    ]
    return Section("methods", "Methods", "Ready to paste", "Methods paragraph", tuple(blocks))


def _reproduce(context: Context, command: str | None) -> Section:
    evidence, result = context.evidence, context.evidence.result
    n, d = context.X.shape
    size, gaps = counted(n, "row"), "no missing values"
    if context.incomplete:
        size, gaps = f"{n} of {n + len(context.incomplete)} rows", "those without missing values"
    items = [
        (
            "Data",
            f"{result.data_name or context.data_name}, {size} × {counted(d, 'column')} "
            f"({', '.join(context.names)}), {gaps}; {context.counting}",
        ),
        *_left_out(context),
        ("SHA-256", data_hash(context.X)),
        ("Hash of", "the numbers as 64-bit floats, row by row, little-endian"),
        ("Seed", str(result.random_state)),
    ]
    bayes = evidence.chosen.bayes
    if bayes is not None:
        n_chains, n_draws = (*bayes.mixture_.batch_shape, 1)[:2]
        items.append(("Sampling", f"{counted(n_chains, 'chain')} × {counted(n_draws, 'draw')}"))
    n_fits = counted(len(result.table), "fit")
    items.append(
        ("Time", f"{fixed(result.seconds, 1)} s for {n_fits}, with what had to be compiled")
    )
    packages = _ALWAYS_USED + (_USED_BY_POSTERIOR if evidence.has_posterior() else ())
    found = [f"{package} {_version(package)}" for package in packages]
    items.append(("Versions", ", ".join([f"python {platform.python_version()}", *found])))
    blocks = (
        Paste(command or python_lines(evidence), is_code=True, button="Copy the command"),
        KeyValues(tuple(items)),
    )
    return Section("reproduce", "Reproduce", "Reproduce", "Run it again", blocks)


def _left_out(context: Context) -> list[tuple[str, str]]:
    """What of the table is not among the data, and why."""
    items = []
    if context.incomplete:
        numbers = [row + 1 for row in context.incomplete]
        items.append(("Rows left out", f"{row_list(numbers)}, for missing values"))
    if context.left_out:
        reasons = (f"{column} ({reason})" for column, reason in context.left_out.items())
        items.append(("Columns left out", ", ".join(reasons)))
    return items


def data_hash(X: np.ndarray) -> str:
    """SHA-256 of the numbers as little-endian 64-bit floats, row by row."""
    return hashlib.sha256(np.ascontiguousarray(X, dtype="<f8").tobytes()).hexdigest()


def python_lines(evidence: Evidence) -> str:
    """Python that repeats the sweep."""
    result = evidence.result
    records = result.table.to_dict("records")
    numbers = sorted({int(row["n_components"]) for row in records})
    families = list(dict.fromkeys(str(row["covariance_type"]) for row in records))
    engines = list(dict.fromkeys(str(row["engine"]) for row in records))
    several = numbers == list(range(numbers[0], numbers[-1] + 1)) and len(numbers) > 1
    tried = f"range({numbers[0]}, {numbers[-1] + 1})" if several else repr(tuple(numbers))
    return "\n".join(
        [
            "import bayesgmm",
            "",
            "result = bayesgmm.select_components(",
            "    X,",
            f"    n_components={tried},",
            f"    covariance_types={tuple(families)!r},",
            f"    engines={tuple(engines)!r},",
            f"    criterion={evidence.criterion.key!r},",
            f"    random_state={result.random_state!r},",
            ")",
            'result.report("report.html")',
        ]
    )


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "(not installed)"
