"""Which of the passes without cancellation is the one for a structure and a number of features."""

from collections.abc import Callable

from bayesgmm.core.kernels import diagonal, few_features, triangular


def sums_of(structure: str, n_features: int | None) -> Callable[..., float]:
    """The compiled pass; see :func:`bayesgmm.core.kernels.triangular.sums` for its arguments.

    Parameters
    ----------
    structure : {"triangular", "diagonal"}
        Of the whitening factors.
    n_features : int or None
        None where it is not known yet: a pass for any number of them.
    """
    if n_features is not None and n_features <= few_features.MOST_FEATURES:
        return few_features.sums_for(n_features, structure == "triangular")
    return diagonal.sums if structure == "diagonal" else triangular.sums


def log_likelihood_of(structure: str, n_features: int) -> Callable[..., float]:
    """The compiled pass without sums; see :func:`bayesgmm.core.kernels.triangular.log_likelihood`.

    Parameters
    ----------
    structure : {"triangular", "diagonal"}
        Of the whitening factors.
    n_features : int
    """
    if n_features <= few_features.MOST_FEATURES:
        return few_features.log_likelihood_for(n_features, structure == "triangular")
    return diagonal.log_likelihood if structure == "diagonal" else triangular.log_likelihood


def for_each_draw_of(structure: str, n_features: int) -> Callable[..., None]:
    """The compiled pass that writes what is known of each row, under each of many draws.

    Parameters
    ----------
    structure : {"triangular", "diagonal"}
        Of the whitening factors.
    n_features : int

    See :func:`bayesgmm.core.kernels.triangular.for_each_draw` for its arguments.
    """
    if n_features <= few_features.MOST_FEATURES:
        return few_features.for_each_draw_for(n_features, structure == "triangular")
    return diagonal.for_each_draw if structure == "diagonal" else triangular.for_each_draw
