"""What others have and the Bayesian estimator has not, and what takes its place."""

from collections.abc import Iterable
from typing import Any

from bayesgmm.data.arguments import refuse_unknown
from bayesgmm.prediction import INSTEAD

_POINT = "each draw has its own: mixture_.{0} has them, map_.{0} the mode's, and "
_POINT += "mixture_.{0}.mean((0, 1)) is their mean"
_CRITERION = "it belongs to one best fit: use loo() or waic()"
_ITERATIONS = "nothing iterates to an optimum here: read diagnostics_"

# Attributes of the other estimators.
ATTRIBUTES = {
    **{name: INSTEAD[name] for name in ("save", "load", "labels_")},
    **{f"{part}_": _POINT.format(part) for part in ("weights", "means", "covariances")},
    "precisions_": "invert mixture_.covariances, or those of map_",
    "precisions_cholesky_": "see mixture_.whitening, or that of map_",
    **dict.fromkeys(("bic", "aic", "icl"), _CRITERION),
    **dict.fromkeys(("converged_", "n_iter_", "lower_bound_", "starts_"), _ITERATIONS),
    "summary": "use print(diagnostics_), or arviz.summary(posterior_)",
    "standard_errors": "the draws have the spread: mixture_.means.std((0, 1)), and the like",
}

# Arguments of scikit-learn's variational class.
_OURS = {
    "weight_concentration_prior_type": "priors=Priors(weights=Dirichlet(...))",
    "weight_concentration_prior": "priors=Priors(weights=Dirichlet(...))",
    "mean_precision_prior": "priors=Priors(means=ConjugateMeans(strength=...))",
    "mean_prior": "priors=Priors(means=NormalMeans(loc=...))",
    "degrees_of_freedom_prior": "priors=Priors(covariances=InverseWishart(dof=...))",
    "covariance_prior": "priors=Priors(covariances=InverseWishart(scale=...))",
    "tol": "draws= and tune=",
    "reg_covar": "priors=Priors(covariances=...)",
    "max_iter": "draws= and tune=",
    "n_init": "chains=",
    "init_params": "chains=",
    "warm_start": "draws=",
    "verbose": "progressbar=",
    "verbose_interval": "progressbar=",
}
# Arguments of pm.sample and the like.
_OF_SAMPLERS = {
    "cores": "chains run side by side on the processors there are, so leave it out",
    "n_jobs": "chains run side by side on the processors there are, so leave it out",
    "target_accept": "it is chosen here, so leave it out",
    "random_seed": "use random_state=",
    "seed": "use random_state=",
    "nuts_sampler": "use sampler=",
    "step": "use sampler=",
    "samples": "use draws=",
    "warmup": "use tune=",
    "prior": "use priors=",
}
# Arguments that the EM estimator's fit has.
OF_FIT = {
    "sample_weight": "a posterior is of rows that count as one each; repeat rows, or use "
    "GaussianMixture, which weights them"
}


def refuse(other: dict[str, Any], known: Iterable[str]) -> None:
    """Refuse arguments of the constructor that are not ``known``, with what takes their place.

    Raises
    ------
    TypeError
    """
    for name in other:
        if name in _OURS:
            raise TypeError(
                f"{name}= belongs to scikit-learn's variational class; this one samples the "
                f"posterior: use {_OURS[name]}."
            )
        refuse_unknown("BayesianGaussianMixture", [name], known, _OF_SAMPLERS)
