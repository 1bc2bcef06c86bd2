"""What a user's prior on covariances returns."""

from dataclasses import dataclass, fields
from typing import Any

from bayesgmm.exceptions import DataError


@dataclass(frozen=True)
class Covariances:
    """The covariances of a mixture, in one of the forms a prior may be written in.

    Exactly one is given. Shapes are those of the covariance family: one matrix (D, D) for tied
    covariances, (K, D, D) for full ones; ``sd`` is for diagonal families, (K, D) for diag and (K,)
    for spherical covariances.

    Parameters
    ----------
    chol : tensor_like, optional
        Lower Cholesky factors L, the covariances being ``L L'``: the cheapest form.
    cov : tensor_like, optional
        Covariance matrices.
    tau : tensor_like, optional
        Precision matrices.
    sd : tensor_like, optional
        Standard deviations.

    Raises
    ------
    DataError
        If not exactly one is given.

    Examples
    --------
    >>> import pymc as pm
    >>> from bayesgmm import Covariances, Priors
    >>> def spreads(n_components, n_features):
    ...     shape = (n_components, n_features)
    ...     return Covariances(sd=pm.LogNormal("sd", 0.0, 1.0, shape=shape))
    >>> priors = Priors(covariances=spreads)  # for covariance_type="diag"
    """

    chol: Any = None
    cov: Any = None
    tau: Any = None
    sd: Any = None

    def __post_init__(self) -> None:
        names = [field.name for field in fields(self)]
        given = [name for name in names if getattr(self, name) is not None]
        if len(given) != 1:
            raise DataError(
                f"Covariances takes exactly one of {', '.join(names)}, "
                f"got {' and '.join(given) or 'none'}."
            )

    @property
    def form(self) -> str:
        """The name of the form that was given."""
        return next(f.name for f in fields(self) if getattr(self, f.name) is not None)
