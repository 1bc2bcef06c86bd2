"""Priors on weights, means and covariances: one description for every engine.

A :class:`Priors` holds three prior objects (:mod:`~bayesgmm.priors.choices`). They are scale-free
until they meet data and a number of components, so one object serves a whole sweep.
:func:`resolve` then turns them into numbers (:mod:`~bayesgmm.priors.scaling`), whose densities
(:mod:`~bayesgmm.priors.resolved`) MAP-EM, the PyMC model and the samplers share.
"""

__all__ = [
    "LKJ",
    "ConjugateMeans",
    "Dirichlet",
    "GammaConcentration",
    "GammaScale",
    "InverseWishart",
    "LogNormalScale",
    "NormalMeans",
    "Priors",
    "ResolvedPriors",
    "improprieties",
    "resolve",
    "warn_of_ties",
]

from bayesgmm.priors.choices import (
    LKJ,
    ConjugateMeans,
    Dirichlet,
    GammaConcentration,
    GammaScale,
    InverseWishart,
    LogNormalScale,
    NormalMeans,
    Priors,
)
from bayesgmm.priors.propriety import improprieties, warn_of_ties
from bayesgmm.priors.resolved import ResolvedPriors
from bayesgmm.priors.scaling import resolve
