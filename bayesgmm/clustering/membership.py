"""Soft clustering as a table: who belongs where, and how sure that is."""

from typing import TYPE_CHECKING, Any

import numpy as np

from bayesgmm.prediction import MixturePredictor

if TYPE_CHECKING:
    import pandas as pd

# A row is in doubt if no component reaches this membership.
SURE = 0.9
# Every interval of the package: equal-tailed, 90%.
PROB = 0.9


def membership_entropy(probabilities: np.ndarray) -> np.ndarray:
    """Entropy of each row's memberships, (N,), in nats: 0 for certainty, log K for none.

    Parameters
    ----------
    probabilities : (N, K) array
        Each row summing to one.
    """
    logs = np.log(np.maximum(probabilities, 1e-300))
    # Not the negative of the sum: certainty would print as -0.0.
    return 0.0 - np.sum(probabilities * logs, axis=1)


def membership_table(fit: MixturePredictor, X: Any) -> "pd.DataFrame":
    """The memberships of rows, one line each.

    Parameters
    ----------
    fit : GaussianMixture or BayesianGaussianMixture
        Fitted.
    X : (N, D) array_like or frame
        Its index, if it has one, is kept.

    Returns
    -------
    pandas.DataFrame
        ``component`` (the most probable one), its ``probability``, for a posterior ``lower`` and
        ``upper`` bound of that (90%, equal-tailed, over the draws), ``entropy`` in nats,
        ``in_doubt`` (no membership reaches 0.9), and the memberships ``p0``, ``p1``, ...
    """
    import pandas as pd

    rows = np.arange(len(X))
    if fit.mixture_.batch_shape:
        mean, lower, upper = fit.predict_proba(X, interval=PROB)  # pyright: ignore
    else:
        mean, lower, upper = fit.predict_proba(X), None, None
    component = mean.argmax(axis=1)
    columns: dict[str, np.ndarray] = {
        "component": component,
        "probability": mean[rows, component],
    }
    if lower is not None and upper is not None:
        columns["lower"] = lower[rows, component]
        columns["upper"] = upper[rows, component]
    columns["entropy"] = membership_entropy(mean)
    columns["in_doubt"] = mean.max(axis=1) < SURE
    columns |= {f"p{k}": mean[:, k] for k in range(mean.shape[1])}
    index = X.index if isinstance(X, pd.DataFrame) else None
    return pd.DataFrame(columns, index=index)
