"""Pages that are made, not written: the API reference, the data sets, the notebooks."""

import inspect
import json
import shutil
from importlib import import_module
from pathlib import Path

import bayesgmm
from bayesgmm.data.datasets import DATASETS

# Modules that the reference introduces after the package's own names: title, a remark, and the
# names to document where these are not simply the module's public ones.
ROOMS: list[tuple[str, str, str, tuple[str, ...] | None]] = [
    ("bayesgmm.priors", "Priors", "Prior objects and the numbers they come to.", None),
    ("bayesgmm.bayes.distribution", "PyMC distribution", "", ("component_index",)),
    ("bayesgmm.bayes.diagnostics", "Diagnostics", "", ("Diagnostics",)),
    ("bayesgmm.em.atlas", "Starts", "", ("Atlas", "Optimum")),
    ("bayesgmm.em.standard_errors", "Standard errors", "", ("StandardErrors",)),
    ("bayesgmm.selection.likelihood_ratio", "Tests", "", ("LikelihoodRatioTests",)),
    ("bayesgmm.selection.result", "Result of a sweep", "", ("SelectionResult",)),
    ("bayesgmm.selection.estimates", "EM against posterior", "", ("EstimatesComparison",)),
    ("bayesgmm.core.criteria", "Criteria", "Each docstring states sign and unit.", None),
    ("bayesgmm.core.covariance", "Covariance families", "", None),
    ("bayesgmm.core.statistics", "The one pass", "", ("Statistics", "Moments", "accumulate")),
    ("bayesgmm.persistence", "Files", "", None),
    ("bayesgmm.data.sources", "Tables from files", "", None),
    ("bayesgmm.data.datasets", "Bundled data", "See also {doc}`datasets`.", None),
    ("bayesgmm.plots", "Plots", "", None),
    ("bayesgmm.report", "Report", "", None),
    ("bayesgmm.exceptions", "Errors and warnings", "", None),
]


def write(folder: Path, notebooks: Path) -> None:
    """Write all made pages to ``folder``."""
    folder.mkdir(exist_ok=True)
    shutil.rmtree(folder / "reference", ignore_errors=True)  # of names that may be gone
    _write_if_changed(folder / "api.md", _api())
    _write_if_changed(folder / "datasets.md", _datasets())
    _copy_notebooks(notebooks, folder / "notebooks")


def public_names(module) -> list[str]:
    """The classes and functions that a module offers, its own before borrowed ones.

    Without ``__all__`` these are the ones defined there.
    """
    names = getattr(module, "__all__", None)
    if names is None:
        package = module.__name__.startswith("bayesgmm.plots")
        names = [
            name
            for name, value in vars(module).items()
            if not name.startswith("_")
            and (inspect.isclass(value) or inspect.isfunction(value))
            and (value.__module__ == module.__name__ or package)
            and value.__module__.startswith("bayesgmm")
        ]
    return [name for name in names if callable(getattr(module, name))]


def _api() -> str:
    parts = [
        "# API reference\n",
        "Every public name. Shapes are given by N rows, D features, K components; see "
        "{doc}`../maths`.\n",
        "## bayesgmm\n",
        _autosummary("bayesgmm", list(bayesgmm.__all__)),
    ]
    seen = {id(getattr(bayesgmm, name)) for name in bayesgmm.__all__}
    for name, title, about, chosen in ROOMS:
        module = import_module(name)
        offered = chosen or public_names(module)
        names = [n for n in offered if id(getattr(module, n)) not in seen]
        seen |= {id(getattr(module, n)) for n in names}
        parts += [f"## {title}\n", f"{about}\n", _module(name)]
        if names:
            parts.append(_autosummary(name, names))
    return "\n".join(parts)


def _module(name: str) -> str:
    return f"```{{eval-rst}}\n.. automodule:: {name}\n   :no-members:\n```\n"


def _autosummary(module: str, names: list[str]) -> str:
    lines = [
        "```{eval-rst}",
        f".. currentmodule:: {module}",
        "",
        ".. autosummary::",
        "   :toctree: reference",
        "   :nosignatures:",
        "",
        *(f"   {name}" for name in names),
        "```\n",
    ]
    return "\n".join(lines)


def _datasets() -> str:
    parts = [
        "# Bundled data sets\n",
        "`load_dataset(name)` returns a pandas frame whose `.attrs` hold what is said here; on the "
        "command line the name stands where a file would. The column of known classes, where there "
        "is one, is never used for fitting.\n",
    ]
    for info in DATASETS.values():
        frame = bayesgmm.load_dataset(info.name)
        columns = ", ".join(
            f"`{column}`" + (f" ({info.units[column]})" if column in info.units else "")
            for column in frame.columns
        )
        parts += [
            f"## {info.name}\n",
            f"**{info.title}**, {frame.shape[0]} rows. {info.description}\n",
            f"Columns\n: {columns}\n",
        ]
        if info.label:
            parts.append(f"Known classes\n: `{info.label}`\n")
        parts += [f"Source\n: {info.source}\n", f"Licence of the copy\n: {info.licence}\n"]
    return "\n".join(parts)


def _copy_notebooks(source: Path, target: Path) -> None:
    """Copy each notebook, as last executed if that is newer than the notebook itself."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    for stored in sorted(source.glob("*.ipynb")):
        executed = source.parent / "build" / "notebooks" / stored.name
        is_fresh = executed.exists() and executed.stat().st_mtime >= stored.stat().st_mtime
        notebook = json.loads((executed if is_fresh else stored).read_text())
        (target / stored.name).write_text(json.dumps(notebook))


def _write_if_changed(path: Path, text: str) -> None:
    if not path.exists() or path.read_text() != text:
        path.write_text(text)
