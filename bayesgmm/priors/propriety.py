"""Whether the prior on covariances leaves the posterior proper for data with ties.

That of an LKJ prior is in :mod:`~bayesgmm.priors.lkj`. The rest is about hierarchical scales.

A component may shrink onto rows with one value in some column. Under a fixed inverse-Wishart it
cannot go on for ever, but a scale with a Gamma hyperprior may follow it to zero. With means and
covariances integrated out, given which rows are whose, the posterior of half the scale of a column,
b, is near zero a power of it: ``b^(g - 1)`` from the hyperprior, ``b^-((m - 1) / 2)`` from each
component that holds m rows with one value, ``b^(nu / 2)`` from each that holds rows with several,
and nothing from an empty one. One component has to hold the rows that are left.
"""

import warnings
from dataclasses import dataclass

import numpy as np

from bayesgmm.data.wording import column_label
from bayesgmm.exceptions import PosteriorWarning
from bayesgmm.priors.lkj import crowded_flat
from bayesgmm.priors.resolved import ResolvedPriors


@dataclass(frozen=True)
class Ties:
    """Rows that are equal in some columns.

    Attributes
    ----------
    columns : tuple of int
    counts : (n,) array of int
        How many rows hold each distinct value, the largest first.
    value : (len(columns),) array
        The most frequent one.
    """

    columns: tuple[int, ...]
    counts: np.ndarray
    value: np.ndarray

    @classmethod
    def of(cls, X: np.ndarray, columns: tuple[int, ...]) -> "Ties":
        """Count the distinct values of some columns of ``X`` (N, D)."""
        # Sorting one column of numbers is much faster than sorting rows.
        part = X[:, columns[0]] if len(columns) == 1 else X[:, list(columns)]
        axis = None if len(columns) == 1 else 0
        values, counts = np.unique(part, axis=axis, return_counts=True)
        order = np.argsort(-counts, kind="stable")
        return cls(columns, counts[order], np.atleast_1d(values[order[0]]))

    def describe(self, feature_names: tuple[str, ...] | None) -> str:
        """In words: how many rows, in which columns, which value."""
        n, shown = self.counts[0], ", ".join(f"{value:g}" for value in self.value)
        if len(self.columns) == 1:
            where = column_label(self.columns[0], feature_names)
            return f"{n} rows have the same value in {where} ({shown})"
        return f"{n} rows are the same ({shown})"


def impropriety(priors: ResolvedPriors, X: np.ndarray, n_components: int) -> Ties | None:
    """The ties that make the posterior improper, or None.

    Parameters
    ----------
    priors : ResolvedPriors
    X : (N, D) array
    n_components : int

    Notes
    -----
    Only exact ties in a column (of whole rows, for the spherical family) are looked for. Means that
    are tied to the covariances keep a component from shrinking onto anything but their centre.
    """
    if priors.hyper_shape is None or priors.scale is None:
        return None
    d, family = X.shape[1], priors.family
    columns = [tuple(range(d))] if family.isotropic else [(j,) for j in range(d)]
    worst = None
    for column in columns:
        ties = Ties.of(X, column)
        excess = ties.counts - 1.0
        if len(excess) <= n_components:
            needed = 0.0  # no component has to hold rows with several values
        elif family.shared:
            continue
        else:
            excess, needed = excess[: n_components - 1], priors.dof / 2.0
        improper = len(column) * excess.sum() / 2.0 >= priors.hyper_shape + needed
        if improper and (worst is None or ties.counts[0] > worst.counts[0]):
            worst = ties
    return worst


def improprieties(
    priors: ResolvedPriors,
    X: np.ndarray,
    n_components: int,
    feature_names: tuple[str, ...] | None,
) -> tuple[str, ...]:
    """Say where ties make the posterior improper; the arguments as above, and names of columns."""
    found = []
    if priors.eta is not None and priors.family.name == "full":
        is_conjugate = priors.scale is None
        flat = crowded_flat(X, priors.eta, n_components, is_conjugate=is_conjugate)
        if flat is not None:
            found.append(
                "LKJ leaves the posterior improper for these data: "
                f"{flat.describe(feature_names)} ({flat.limit:g} are too many with "
                f"eta = {priors.eta:g}), and a component can shrink onto them without end; draws "
                "may do so at any time. Use a larger eta, or InverseWishart(), which is proper for "
                "any data."
            )
    ties = impropriety(priors, X, n_components)
    if ties is not None:
        found.append(
            "GammaScale leaves the posterior improper for these data: "
            f"{ties.describe(feature_names)}, and a component can shrink onto them without end "
            "while the scale follows; draws may do so at any time. Use InverseWishart(), whose "
            "scale is fixed."
        )
    return tuple(found)


def warn_of_ties(
    priors: ResolvedPriors,
    X: np.ndarray,
    n_components: int,
    feature_names: tuple[str, ...] | None,
) -> None:
    """Warn of improprieties."""
    for message in improprieties(priors, X, n_components, feature_names):
        warnings.warn(message, PosteriorWarning, stacklevel=3)
