"""Covariance families: what the K covariance matrices of a mixture may differ in.

Each family is one file with one class, registered in :data:`FAMILIES` below; everything that
depends on the family (shapes, number of free parameters, M-step, which kernel runs) is asked of it.
The names of mclust (Celeux and Govaert, 1995, doi:10.1016/0031-3203(94)00125-6) are accepted too.
"""

__all__ = ["FAMILIES", "CovarianceFamily", "get_family"]

from bayesgmm.core.covariance.diag import Diag
from bayesgmm.core.covariance.family import CovarianceFamily
from bayesgmm.core.covariance.full import Full
from bayesgmm.core.covariance.spherical import Spherical
from bayesgmm.core.covariance.tied import Tied
from bayesgmm.exceptions import DataError

FAMILIES: dict[str, CovarianceFamily] = {
    family.name: family for family in (Full(), Tied(), Diag(), Spherical())
}
_BY_CODE = {family.mclust_code: family for family in FAMILIES.values()}


def get_family(name: str) -> CovarianceFamily:
    """The covariance family of that name.

    Parameters
    ----------
    name : str
        "full", "tied", "diag", "spherical", or mclust's code for one of them
        ("VVV", "EEE", "VVI", "VII").

    Raises
    ------
    DataError
        If there is no such family; the message lists those there are.
    """
    if isinstance(name, str):
        if name in FAMILIES:
            return FAMILIES[name]
        if name.upper() in _BY_CODE:
            return _BY_CODE[name.upper()]
    known = ", ".join(f"'{f.name}' ({f.mclust_code})" for f in FAMILIES.values())
    raise DataError(f"covariance_type must be one of {known}, got {name!r}.")
