"""Arguments that the Bayesian estimator does not have, and what takes their place."""

from typing import Any

# Arguments of scikit-learn's variational class, and what takes their place here.
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


def refuse(other: dict[str, Any]) -> None:
    """Raise a TypeError that names what takes the place of an argument."""
    for name in other:
        if name in _OURS:
            raise TypeError(
                f"{name}= belongs to scikit-learn's variational class; this one samples the "
                f"posterior: use {_OURS[name]}."
            )
        raise TypeError(f"BayesianGaussianMixture has no argument {name!r}.")
