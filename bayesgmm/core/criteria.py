"""Information criteria on arrays.

BIC, AIC and ICL are -2 log L plus a penalty: lower is better, in nats times two (mclust prints BIC
and ICL with the other sign). The expected log predictive density (elpd) of WAIC is in nats: higher
is better. PSIS-LOO, which ArviZ computes, is to be preferred to WAIC: its error is smaller and it
says where it fails.

References
----------
Schwarz (1978), doi:10.1214/aos/1176344136 (BIC). Biernacki, Celeux and Govaert (2000),
doi:10.1109/34.865189 (ICL). Watanabe (2010), JMLR 11:3571 (WAIC). Vehtari, Gelman and Gabry (2017),
doi:10.1007/s11222-016-9696-4 (standard error, PSIS-LOO).
"""

import math
from dataclasses import dataclass, field

import numpy as np

# Above this posterior variance of a row's log density, WAIC is unreliable (Vehtari et al. 2017).
HIGH_VARIANCE = 0.4


def bic(log_likelihood: float, n_parameters: int, n: float) -> float:
    """Bayesian information criterion, lower is better; ``n`` is the sum of the sample weights."""
    return -2.0 * log_likelihood + n_parameters * math.log(n)


def aic(log_likelihood: float, n_parameters: int) -> float:
    """Akaike's information criterion, lower is better."""
    return -2.0 * log_likelihood + 2.0 * n_parameters


def icl(
    bic: float, log_responsibilities: np.ndarray, sample_weight: np.ndarray | None = None
) -> float:
    """Integrated completed likelihood, lower is better.

    ``BIC - 2 sum_n log max_k r_nk``: BIC plus a charge for rows that no component claims (mclust's
    form, with its sign turned).

    Parameters
    ----------
    bic : float
    log_responsibilities : (N, K) array
    sample_weight : (N,) array, optional
    """
    certainty = np.max(log_responsibilities, axis=1)
    if sample_weight is not None:
        certainty = certainty * sample_weight
    return bic - 2.0 * float(certainty.sum())


def total_and_error(pointwise: np.ndarray) -> tuple[float, float]:
    """The sum of rows' contributions, (N,), and its standard error; NaN for one row.

    The rows are a sample, so their variance has N - 1 below. For the difference of two models, give
    the differences row by row: the error is then that of pairs.
    """
    n = pointwise.size
    error = math.sqrt(n * pointwise.var(ddof=1)) if n > 1 else math.nan
    return float(pointwise.sum()), error


@dataclass(frozen=True)
class WAIC:
    """The widely applicable information criterion on the scale of elpd: higher is better, nats.

    Attributes
    ----------
    elpd : float
        Expected log predictive density, summed over rows.
    se : float
        Its standard error over rows; NaN for one row.
    p : float
        Effective number of parameters.
    pointwise : (N,) array
        The rows' contributions to ``elpd``.
    n_high_variance : int
        Rows whose log density has a posterior variance above 0.4. If there are any, read LOO.
    """

    elpd: float
    se: float
    p: float
    pointwise: np.ndarray = field(repr=False)
    n_high_variance: int

    def __str__(self) -> str:
        text = f"elpd {self.elpd:.1f} by WAIC, standard error {self.se:.1f}, p {self.p:.1f}"
        n = self.n_high_variance
        rows = f"{n} rows have" if n > 1 else "1 row has"
        return f"{text}; {rows} a variance above {HIGH_VARIANCE}: read LOO" if n else text


def waic(log_likelihood: np.ndarray) -> WAIC:
    """WAIC from pointwise log-likelihoods.

    Parameters
    ----------
    log_likelihood : (S, N) array
        Log density of each row under each of S posterior draws.
    """
    log_likelihood = np.asarray(log_likelihood)
    # SciPy's logsumexp takes ten times as long here.
    highest = log_likelihood.max(axis=0)
    density = highest + np.log(np.exp(log_likelihood - highest).mean(axis=0))
    variance = log_likelihood.var(axis=0, ddof=1)
    pointwise = density - variance
    elpd, se = total_and_error(pointwise)
    return WAIC(
        elpd=elpd,
        se=se,
        p=float(variance.sum()),
        pointwise=pointwise,
        n_high_variance=int(np.sum(variance > HIGH_VARIANCE)),
    )
