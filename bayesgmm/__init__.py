"""Gaussian mixture models by EM and by full Bayesian inference, side by side.

Start with :class:`GaussianMixture` (EM, a drop-in for scikit-learn's) and
:class:`BayesianGaussianMixture` (the posterior, as an ArviZ ``DataTree``), or let
:func:`select_components` fit both over a range of components and covariance families, choose, and
write a report.

=================  ==============================================================================
room               what lives there
=================  ==============================================================================
``core``           what a mixture is: families, the value, the one pass over the data
``data``           tables in: validation, files, bundled data sets
``priors``         priors on weights, means and covariances, for every engine
``em``             maximum likelihood and posterior modes
``bayes``          the PyMC distribution and model, samplers, relabelling, diagnostics
``clustering``     what the clusters say: memberships, outliers
``selection``      the sweep over models, their comparison, EM against posterior
``plots``          Matplotlib pictures of all of it
``report``         one self-contained page
``persistence``    fits in files
``cli``            the command line
=================  ==============================================================================

Names are loaded when they are first used, so that an EM fit never imports PyMC.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bayesgmm.bayes.covariances import Covariances as Covariances
    from bayesgmm.bayes.distribution import MvNormalMixture as MvNormalMixture
    from bayesgmm.bayes.estimator import BayesianGaussianMixture as BayesianGaussianMixture
    from bayesgmm.bayes.model import build_model as build_model
    from bayesgmm.clustering.membership import membership_entropy as membership_entropy
    from bayesgmm.clustering.membership import membership_table as membership_table
    from bayesgmm.clustering.outliers import (
        GaussianMixtureOutlierDetector as GaussianMixtureOutlierDetector,
    )
    from bayesgmm.core.mixture import Mixture as Mixture
    from bayesgmm.data.datasets import load_dataset as load_dataset
    from bayesgmm.em.estimator import GaussianMixture as GaussianMixture
    from bayesgmm.persistence import load as load
    from bayesgmm.persistence import save as save
    from bayesgmm.priors import LKJ as LKJ
    from bayesgmm.priors import ConjugateMeans as ConjugateMeans
    from bayesgmm.priors import Dirichlet as Dirichlet
    from bayesgmm.priors import GammaConcentration as GammaConcentration
    from bayesgmm.priors import GammaScale as GammaScale
    from bayesgmm.priors import InverseWishart as InverseWishart
    from bayesgmm.priors import LogNormalScale as LogNormalScale
    from bayesgmm.priors import NormalMeans as NormalMeans
    from bayesgmm.priors import Priors as Priors
    from bayesgmm.selection.estimates import compare_estimates as compare_estimates
    from bayesgmm.selection.likelihood_ratio import bootstrap_lrt as bootstrap_lrt
    from bayesgmm.selection.sweep import select_components as select_components

_HOMES = {
    "BayesianGaussianMixture": "bayesgmm.bayes.estimator",
    "ConjugateMeans": "bayesgmm.priors",
    "Covariances": "bayesgmm.bayes.covariances",
    "Dirichlet": "bayesgmm.priors",
    "GammaConcentration": "bayesgmm.priors",
    "GammaScale": "bayesgmm.priors",
    "GaussianMixture": "bayesgmm.em.estimator",
    "GaussianMixtureOutlierDetector": "bayesgmm.clustering.outliers",
    "InverseWishart": "bayesgmm.priors",
    "LKJ": "bayesgmm.priors",
    "LogNormalScale": "bayesgmm.priors",
    "Mixture": "bayesgmm.core.mixture",
    "MvNormalMixture": "bayesgmm.bayes.distribution",
    "NormalMeans": "bayesgmm.priors",
    "Priors": "bayesgmm.priors",
    "bootstrap_lrt": "bayesgmm.selection.likelihood_ratio",
    "build_model": "bayesgmm.bayes.model",
    "compare_estimates": "bayesgmm.selection.estimates",
    "membership_entropy": "bayesgmm.clustering.membership",
    "membership_table": "bayesgmm.clustering.membership",
    "select_components": "bayesgmm.selection.sweep",
    "load": "bayesgmm.persistence",
    "load_dataset": "bayesgmm.data.datasets",
    "save": "bayesgmm.persistence",
}

__all__ = sorted(_HOMES)
__version__ = "0.1.0"


def __getattr__(name: str):
    if name in _HOMES:
        value = getattr(import_module(_HOMES[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'bayesgmm' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
