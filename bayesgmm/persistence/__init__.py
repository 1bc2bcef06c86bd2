"""Fits in files: `save` and `load`.

An EM fit is a JSON file, for people and any program; a posterior is a netCDF file, which ArviZ
(``arviz.from_netcdf``) and xarray open as well. Files hold numbers and text; loading one runs no
code that came with it. They are written whole or not at all.

**EM, JSON** (``.json``, UTF-8; every number is written so that it reads back as the same double):

==================  ================================================================================
key                 value
==================  ================================================================================
format              ``"bayesgmm.GaussianMixture"``
format_version      1; a reader refuses versions it does not know, and ignores keys it does not
bayesgmm_version    the version that wrote the file
n_components        K
n_features          D
feature_names       list of D names, or null if the data had none
covariance_type     ``"full"``, ``"tied"``, ``"diag"`` or ``"spherical"``
weights             K numbers that sum to one
means               K lists of D numbers, in the units of the data
covariances         full: K matrices (D lists of D numbers), tied: one matrix, diag: K lists of D
                    variances, spherical: K variances
whitening           what densities are computed from, in the same shape. Full and tied: lower
                    triangular W with W (x - mean) standard normal, so that W'W is the precision;
                    diag and spherical: one over the standard deviations
fit                 ``n_rows`` (sum of the sample weights), ``log_likelihood`` (of all rows, nats;
                    null for a fit with priors), ``log_posterior`` (null for one without),
                    ``converged``, ``n_iter`` (passes over the data), ``lower_bound`` and
                    ``lower_bounds`` (nats a row, at the end and after every pass), ``starts``
                    (counts, and ``optima``: for each its ``objective``, ``n_starts``, ``moved``,
                    ``settled``, ``why_spurious``, ``weights``, ``means`` and ``whitening``)
settings            the arguments of the constructor; priors as ``{"prior": name, argument: value}``
                    by slot; a random generator is written as null
==================  ================================================================================

**Posterior, netCDF** (``.nc``, netCDF-4): the groups of ``posterior_`` as they are, and

======================  ============================================================================
where                   what
======================  ============================================================================
/ (attributes)          ``format`` (``"bayesgmm.BayesianGaussianMixture"``), ``format_version``
                        (2; in 1 the posterior lacked what PyMC samples of the covariances),
                        ``bayesgmm_version``
/bayesgmm               ``whitening`` (chain, draw, ...): the factors of the draws, as above;
                        attributes ``covariance_type``, ``has_feature_names``, and as JSON
                        ``settings`` and ``priors`` (the numbers they came to)
/bayesgmm/map           ``weights``, ``means``, ``covariances``, ``whitening`` of the MAP
/bayesgmm/diagnostics   the table of ``diagnostics_``, and its numbers and messages as attributes
======================  ============================================================================

A prior that was a function is kept by its name only.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sklearn.utils.validation import check_is_fitted

from bayesgmm.em.estimator import GaussianMixture
from bayesgmm.exceptions import DataError
from bayesgmm.persistence import em
from bayesgmm.persistence.files import check_target, replacing

if TYPE_CHECKING:
    from bayesgmm.bayes.estimator import BayesianGaussianMixture

__all__ = ["load", "save"]

_HDF5 = b"\x89HDF\r\n\x1a\n"
_UTF8_MARK = b"\xef\xbb\xbf"
# What json, netCDF and the checks of what they read raise on a file that is not as it should be.
_BROKEN = (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError, RuntimeError)


def save(fit: Any, path: str | os.PathLike[str]) -> None:
    """Write a fitted estimator to a file.

    Parameters
    ----------
    fit : GaussianMixture or BayesianGaussianMixture
        Fitted.
    path : str or path
        Ends in ``.json`` for EM and in ``.nc`` for a posterior. An existing file is replaced once
        the new one is complete.

    Raises
    ------
    DataError
        If the name has another ending, or the folder does not exist or cannot be written to.
    sklearn.exceptions.NotFittedError
        If the estimator was not fitted.

    See Also
    --------
    load : the way back.

    Examples
    --------
    >>> from bayesgmm import GaussianMixture, load, load_dataset, save
    >>> fit = GaussianMixture(2, random_state=0).fit(load_dataset("faithful"))
    >>> save(fit, "faithful.json")  # doctest: +SKIP
    >>> same = load("faithful.json")  # doctest: +SKIP
    """
    if isinstance(fit, GaussianMixture):
        check_is_fitted(fit)
        with replacing(check_target(path, (".json",), "An EM fit")) as part:
            em.write(fit, part)
        return
    from bayesgmm.bayes.estimator import BayesianGaussianMixture

    if not isinstance(fit, BayesianGaussianMixture):
        raise DataError(
            "Only a fitted GaussianMixture or BayesianGaussianMixture can be saved, got a "
            f"{type(fit).__name__}."
        )
    from bayesgmm.persistence import posterior

    check_is_fitted(fit)
    with replacing(check_target(path, (".nc",), "A posterior")) as part:
        posterior.write(fit, part)


def load(path: str | os.PathLike[str]) -> "GaussianMixture | BayesianGaussianMixture":
    """Read a fitted estimator that `save` wrote.

    What kind of fit it is, the file says; its name does not matter.

    Parameters
    ----------
    path : str or path

    Returns
    -------
    GaussianMixture or BayesianGaussianMixture
        Fitted, with the same numbers to the last bit. A random generator among its settings is
        not restored (``random_state`` is then None).

    Raises
    ------
    DataError
        If there is no such file, it cannot be read, is damaged, or was written by a version of
        bayesgmm that is too new.
    """
    path = Path(path).expanduser()
    head = _head(path)
    if head.startswith(_HDF5):
        from bayesgmm.persistence import posterior

        return _read(path, posterior.read, posterior.from_tree, posterior)
    if head.removeprefix(_UTF8_MARK).lstrip().startswith(b"{"):
        return _read(path, em.read, em.from_document, em)
    what = "is empty" if not head else "is neither"
    raise DataError(
        f"A saved fit is a JSON or a netCDF file, but '{path}' {what}; give a file that "
        "bayesgmm wrote."
    )


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(64)
    except FileNotFoundError:
        raise DataError(f"There is no file '{path}'; check the path.") from None
    except IsADirectoryError:
        raise DataError(f"A saved fit is a file, but '{path}' is a folder; give a file.") from None
    except OSError as error:
        raise DataError(f"'{path}' may not be read ({error.strerror}).") from error


def _read(path: Path, read: Any, build: Any, room: Any) -> Any:
    try:
        content = read(path)
    except _BROKEN as error:
        raise DataError(_damaged(path, error)) from error
    about = content if isinstance(content, dict) else content.attrs
    found, version = about.get("format"), about.get("format_version")
    if found != room.FORMAT:
        raise DataError(
            f"'{path}' holds no fit of bayesgmm (its format is {found!r}, not {room.FORMAT!r}); "
            "give a file that bayesgmm wrote."
        )
    if version != room.FORMAT_VERSION:
        raise DataError(
            f"'{path}' has version {version!r} of its format, written by bayesgmm "
            f"{about.get('bayesgmm_version')}, but this bayesgmm reads version "
            f"{room.FORMAT_VERSION}; use the bayesgmm that wrote it, or fit again."
        )
    try:
        return build(content)
    except _BROKEN as error:
        raise DataError(_damaged(path, error)) from error


def _damaged(path: Path, error: Exception) -> str:
    missing = isinstance(error, KeyError)
    reason = f"it lacks {error.args[0]!r}" if missing and error.args else str(error)
    return (
        f"'{path}' is damaged or incomplete ({' '.join(reason.split())}); write it again with "
        "save, or fit again."
    )
