"""Constructor arguments and priors as plain values that JSON can hold, and back."""

from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from bayesgmm.exceptions import DataError
from bayesgmm.priors import Priors, ResolvedPriors
from bayesgmm.priors.choices import (
    LKJ,
    ConjugateMeans,
    DataSummary,
    Dirichlet,
    GammaConcentration,
    GammaScale,
    InverseWishart,
    LogNormalScale,
    NormalMeans,
)

_PRIORS = {
    kind.__name__: kind
    for kind in (
        *(Dirichlet, GammaConcentration, NormalMeans, ConjugateMeans),
        *(InverseWishart, GammaScale, LogNormalScale, LKJ),
    )
}
_SLOTS = ("weights", "means", "covariances")


@dataclass(frozen=True)
class FunctionNotSaved:
    """Stands in a loaded fit where the fit that was saved had a function as a prior.

    Files hold numbers, not code. The draws are all there; only what would have to run the function
    again (``model_``, another ``fit``) is not.
    """

    name: str

    def __call__(self, n_components: int, n_features: int) -> Any:
        """Raise: there is no function to call."""
        raise DataError(
            f"The priors of this fit held the function {self.name!r}, which its file does not; "
            "build the model with that function again, for instance "
            "build_model(X, n_components, priors=...)."
        )


def plain(value: Any) -> Any:
    """Numbers, text, lists and None for anything that an estimator's arguments may hold.

    Generators become None: their state is not a setting.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Priors):
        return {
            **{slot: _plain_prior(getattr(value, slot)) for slot in _SLOTS},
            "summary": None if value.summary is None else plain(asdict(value.summary)),
        }
    if isinstance(value, ResolvedPriors):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, np.random.Generator | np.random.RandomState):
        return None
    try:
        return np.asarray(value, dtype=float).tolist()
    except (TypeError, ValueError):
        raise DataError(f"A {type(value).__name__} cannot be saved: {value!r}.") from None


def restored_arguments(settings: dict[str, Any], known: set[str]) -> dict[str, Any]:
    """Constructor arguments from their plain form.

    Raises
    ------
    ValueError
        If there is one that the class does not have.
    """
    unknown = sorted(set(settings) - known)
    if unknown:
        raise ValueError(f"unknown setting {unknown[0]!r}")
    return {
        name: _restored_priors(value) if name == "priors" and value is not None else value
        for name, value in settings.items()
    }


def restored_resolved(value: dict[str, Any]) -> ResolvedPriors | Priors:
    """Priors as numbers (or, where they held a function, as given) from their plain form."""
    if "covariance_type" not in value:
        return _restored_priors(value)
    scalars = {
        "covariance_type",
        "concentration_shape",
        "concentration_rate",
        "strength",
        "dof",
        "hyper_shape",
        "hyper_sigma",
        "eta",
        "sd_sigma",
    }
    numbers: dict[str, Any] = {
        name: item if name in scalars or item is None else np.asarray(item, dtype=float)
        for name, item in value.items()
    }
    return ResolvedPriors(**numbers)


def _restored_priors(value: dict[str, Any]) -> Priors:
    summary = value["summary"]
    if summary is not None:
        summary = DataSummary(**{name: np.asarray(item, float) for name, item in summary.items()})
    return Priors(**{slot: _restored_prior(value[slot]) for slot in _SLOTS}, summary=summary)


def _plain_prior(prior: Any) -> dict[str, Any]:
    kind = type(prior).__name__
    if type(prior) is not _PRIORS.get(kind):
        if isinstance(prior, FunctionNotSaved):
            return {"function": prior.name}
        names = (getattr(prior, "__module__", ""), getattr(prior, "__qualname__", kind))
        return {"function": ".".join(name for name in names if name)}
    values = {field.name: plain(getattr(prior, field.name)) for field in fields(prior)}
    return {"prior": kind, **values}


def _restored_prior(value: dict[str, Any]) -> Any:
    if "function" in value:
        return FunctionNotSaved(str(value["function"]))
    arguments: dict[str, Any] = {
        name: np.asarray(item, dtype=float) if isinstance(item, list) else item
        for name, item in value.items()
        if name != "prior"
    }
    return _PRIORS[value["prior"]](**arguments)
