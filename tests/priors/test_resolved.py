"""Priors as numbers: densities against SciPy, units, and what cannot be resolved."""

import numpy as np
import oracle
import pytest
from scipy import stats

from bayesgmm.core.covariance import get_family
from bayesgmm.exceptions import DataError
from bayesgmm.priors import (
    LKJ,
    ConjugateMeans,
    Dirichlet,
    GammaConcentration,
    GammaScale,
    InverseWishart,
    LogNormalScale,
    NormalMeans,
    Priors,
    resolve,
)
from bayesgmm.priors.lkj import log_density

K, D = 3, 2

KINDS = {
    "default": Priors(),
    "conjugate": Priors.conjugate(strength=0.4),
    "hierarchical": Priors.richardson_green(),
    "hierarchical conjugate": Priors(means=ConjugateMeans(), covariances=GammaScale(3.0, 0.7)),
    "log-normal scale": Priors(covariances=LogNormalScale(2.5, sigma=0.6)),
    "lkj": Priors(covariances=LKJ(1.7, sigma=0.6)),
    "learned concentration": Priors(weights=GammaConcentration(3.0)),
    "uneven": Priors(
        weights=Dirichlet([1.0, 2.0, 5.0]),
        means=NormalMeans(loc=[1.0, -1.0], scale=[2.0, 3.0]),
        covariances=InverseWishart(dof=7.5, scale=[[2.0, 0.5], [0.5, 1.0]]),
    ),
}


@pytest.fixture(params=KINDS)
def priors(request):
    return KINDS[request.param]


@pytest.fixture
def X(rng):
    return rng.normal(size=(60, D)) @ [[1.0, 0.5], [0.0, 2.0]] + [3.0, -7.0]


def hyper_for(resolved, family):
    if not resolved.is_hierarchical:
        return None
    return np.asarray(0.7) if family == "spherical" else np.array([0.7, 1.9])


def by_scipy(resolved, mixture, hyper, concentration=None):
    """The log density, one SciPy distribution at a time."""
    if concentration is None:
        total = stats.dirichlet(resolved.concentration).logpdf(mixture.weights)
    else:
        total = stats.dirichlet(np.full(K, concentration)).logpdf(mixture.weights)
        gamma = stats.gamma(resolved.concentration_shape, scale=1 / resolved.concentration_rate)
        total += gamma.logpdf(concentration)
    for mean, covariance in zip(mixture.means, mixture.covariances, strict=True):
        if resolved.scale is not None:
            total += stats.norm(resolved.loc, resolved.scale).logpdf(mean).sum()
        else:
            total += stats.multivariate_normal(resolved.loc, covariance / resolved.strength).logpdf(
                mean
            )
    scatter = resolved.scatter
    if hyper is not None:
        if resolved.hyper_sigma is None:
            of_hyper = stats.gamma(resolved.hyper_shape, scale=1 / resolved.hyper_rate)
        else:
            of_hyper = stats.lognorm(resolved.hyper_sigma, scale=resolved.hyper_median)
        total += np.sum(of_hyper.logpdf(hyper))
        scatter = 2 * np.diag(hyper) if scatter.ndim == 2 else 2 * hyper
    native = mixture.native_covariances
    if resolved.is_lkj:
        return total + lkj_by_scipy(resolved, native)
    if scatter.ndim == 2:
        for matrix in native.reshape(-1, D, D):
            total += stats.invwishart(df=resolved.dof, scale=scatter).logpdf(matrix)
    else:
        total += np.sum(stats.invgamma(resolved.dof / 2, scale=scatter / 2).logpdf(native))
    return total


def lkj_by_scipy(resolved, native):
    """Two features: (1 + r) / 2 is Beta(eta, eta), and d(s, r) / d(S) = 1 / (4 s1^2 s2^2)."""
    of_sds = stats.lognorm(resolved.sd_sigma, scale=resolved.sd_median)
    if resolved.scatter.ndim < 2:
        return np.sum(of_sds.logpdf(np.sqrt(native)) - np.log(2.0 * np.sqrt(native)))
    total = 0.0
    for matrix in native.reshape(-1, D, D):
        sds = np.sqrt(np.diag(matrix))
        r = matrix[0, 1] / sds.prod()
        total += stats.beta(resolved.eta, resolved.eta).logpdf((1.0 + r) / 2.0) - np.log(2.0)
        total += of_sds.logpdf(sds).sum() - np.sum(np.log(2.0 * sds**2))
    return total


@pytest.mark.parametrize(("d", "volume"), [(3, np.pi**2 / 2), (4, 32 * np.pi**2 / 27)])
def test_lkj_of_one_is_uniform(d, volume):
    """The volumes of the sets of correlation matrices are known."""
    S = np.diag(np.arange(1.0, d + 1.0) ** 2)
    density = log_density(S, get_family("tied"), 1.0, np.zeros(d), 1.0)
    sds = np.arange(1.0, d + 1.0)
    expected = stats.lognorm(1.0).logpdf(sds).sum() - np.sum(np.log(2.0 * sds**d))
    assert density == pytest.approx(expected - np.log(volume), rel=1e-12)


def test_log_density_is_scipys(family, priors, X, rng):
    resolved = resolve(priors, X, K, family)
    mixture = oracle.random_mixture(family, K, D, rng)
    hyper = hyper_for(resolved, family)
    concentration = 0.3 if resolved.learns_concentration else None
    found = resolved.log_density(
        mixture.weights, mixture.means, mixture.native_covariances, hyper, concentration
    )
    expected = by_scipy(resolved, mixture, hyper, concentration)
    assert found == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "uneven"])
def test_prior_moves_with_the_units_of_the_data(family, kind, X, rng):
    """Data in other units: the same prior, its density divided by the Jacobian."""
    priors = KINDS[kind]
    unit = np.array([1e-12, 1e12]) if family != "spherical" else np.array([1e-12, 1e-12])
    shift = 1e3 * unit
    here, there = resolve(priors, X, K, family), resolve(priors, X * unit + shift, K, family)
    mixture = oracle.random_mixture(family, K, D, rng)
    native = mixture.native_covariances
    power = {"full": np.outer(unit, unit), "tied": np.outer(unit, unit), "diag": unit**2}
    moved = native * power.get(family, unit[0] ** 2)
    hyper = hyper_for(here, family)
    moved_hyper = (
        None if hyper is None else hyper * (unit[0] ** 2 if family == "spherical" else unit**2)
    )
    log_unit = np.log(unit)
    n_covariances = 1 if family == "tied" else K
    jacobian = K * log_unit.sum()
    if family in ("full", "tied"):
        jacobian += n_covariances * (D + 1) * log_unit.sum()
    else:
        jacobian += K * 2 * (log_unit.sum() if family == "diag" else log_unit[0])
    if hyper is not None:
        jacobian += 2 * (log_unit[0] if family == "spherical" else log_unit.sum())
    a = here.log_density(mixture.weights, mixture.means, native, hyper)
    b = there.log_density(mixture.weights, mixture.means * unit + shift, moved, moved_hyper)
    assert b + jacobian == pytest.approx(a, abs=1e-8)


def test_defaults_are_what_is_documented(X):
    full = resolve(Priors(), X, K, "full")
    np.testing.assert_array_equal(full.concentration, np.ones(K))
    np.testing.assert_allclose(full.loc, (X.min(0) + X.max(0)) / 2)
    np.testing.assert_allclose(full.scale, np.ptp(X, axis=0))
    assert full.dof == D + 2
    np.testing.assert_allclose(full.scatter, np.cov(X.T) / K ** (2 / D))
    diag, spherical = (resolve(Priors(), X, K, family) for family in ("diag", "spherical"))
    assert diag.dof == spherical.dof == 3
    np.testing.assert_allclose(diag.scatter, np.diag(full.scatter))
    np.testing.assert_allclose(spherical.scatter, np.diag(full.scatter).mean())
    conjugate = resolve(Priors.conjugate(), X, K, "full")
    np.testing.assert_allclose(conjugate.loc, X.mean(0))
    assert conjugate.strength == 0.01


def test_diagonal_families_have_the_marginals_of_the_inverse_wishart(X, rng):
    full, diag = (resolve(KINDS["uneven"], X, K, family) for family in ("full", "diag"))
    draws = stats.invwishart(full.dof, full.scatter).rvs(20_000, random_state=rng)[:, 0, 0]
    p = stats.kstest(draws, stats.invgamma(diag.dof / 2, scale=diag.scatter[0] / 2).cdf).pvalue
    assert p > 1e-3


def test_richardson_green_in_one_dimension_is_theirs():
    velocities = np.array([[9.172], [34.279]])
    resolved = resolve(Priors.richardson_green(), velocities, 3, "full")
    assert resolved.loc == pytest.approx([21.7255])
    assert resolved.scale == pytest.approx([25.107])
    assert resolved.dof / 2 == 2.0
    assert resolved.hyper_shape == 0.2
    assert resolved.hyper_rate == pytest.approx([0.0158639142921318])


def test_hierarchical_variances_have_the_same_marginal_prior_in_every_dimension():
    """IW(2a + D - 1, 2 diag(b)): each variance is inverse-gamma(a, b), whatever D."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 3))
    resolved = resolve(Priors.richardson_green(), X, K, "full")
    b = np.array([0.5, 1.0, 2.0])
    draws = stats.invwishart(resolved.dof, resolved.scatter_at(b)).rvs(20_000, random_state=rng)
    for j in range(3):
        p = stats.kstest(draws[:, j, j], stats.invgamma(2.0, scale=b[j]).cdf).pvalue
        assert p > 1e-3


def test_at_its_median_the_log_normal_scale_is_the_default_scale(family, X):
    """But for correlations: the default inverse-Wishart with a diagonal scale."""
    learned = resolve(Priors(covariances=LogNormalScale()), X, K, family)
    fixed = resolve(Priors(), X, K, family)
    assert learned.dof == fixed.dof
    wanted = np.diag(np.diag(fixed.scatter)) if family in ("full", "tied") else fixed.scatter
    np.testing.assert_allclose(learned.scatter_at(learned.hyper_median), wanted)
    np.testing.assert_array_equal(learned.scatter, learned.scatter_at(learned.hyper_median))


def test_learned_concentration_is_one_over_the_number_of_components_on_average(X):
    priors = Priors(weights=GammaConcentration())
    for k in (2, 5):
        resolved = resolve(priors, X, k, "full")
        assert resolved.concentration_shape == 10.0
        assert resolved.concentration_rate == 10.0 * k
        np.testing.assert_allclose(resolved.concentration, np.full(k, 1.0 / k))
        np.testing.assert_array_equal(resolved.for_em().concentration, np.ones(k))
    assert not resolve(priors, X, 1, "full").learns_concentration


@pytest.mark.parametrize("family", ["diag", "spherical"])
def test_collinear_columns_are_no_trouble_for_diagonal_families(family, X):
    doubled = np.column_stack([X, X[:, 0]])
    assert np.all(resolve(Priors(), doubled, K, family).scatter > 0)


@pytest.mark.parametrize("family", ["full", "tied"])
@pytest.mark.parametrize("unit", [1.0, 1e12])
def test_collinear_columns_have_no_default_scale_for_the_others(family, unit, X):
    doubled = np.column_stack([X, unit * X[:, 0]])
    with pytest.raises(DataError, match=r"default scale .* not positive definite where"):
        resolve(Priors(), doubled, K, family)
    explicit = Priors(covariances=InverseWishart(scale=[1.0, 1.0, unit**2]))
    np.testing.assert_array_equal(
        resolve(explicit, doubled, K, family).scatter, np.diag([1.0, 1.0, unit**2])
    )


@pytest.mark.parametrize(
    ("priors", "message"),
    [
        (Priors(weights=Dirichlet([1.0, 2.0])), r"one number or 3 of them, got shape \(2,\)"),
        (Priors(means=NormalMeans(loc=[1.0, 2.0, 3.0])), r"or 2 of them, got shape \(3,\)"),
        (Priors(means=NormalMeans(scale=[1.0, 2.0, 3.0])), r"NormalMeans\(scale=\.\.\.\)"),
        (Priors(covariances=InverseWishart(dof=1.0)), "above D - 1 = 1, got 1"),
        (Priors(covariances=InverseWishart(scale=[1.0, -2.0])), "got -2 in place 1 of its diag"),
        (Priors(covariances=InverseWishart(scale=[[1, 2], [2, 1]])), "got an eigenvalue of -1"),
        (Priors(covariances=InverseWishart(scale=[[1, 0.5], [0, 1]])), "0.5 in row 0, column 1"),
        (
            Priors(covariances=InverseWishart(scale=[[1e-10, 5e-11], [0, 1e-10]])),
            "must be symmetric",
        ),
        (Priors(covariances=InverseWishart(scale=np.ones((3, 3)))), r"got shape \(3, 3\)"),
        (Priors(covariances=GammaScale(hyper_rate=[1.0] * 3)), r"or 2 of them"),
        (Priors(weights=lambda k, d: None), "need a PyMC model"),
        (Priors.default(np.random.default_rng(0).normal(size=(9, 5))), "with 5 columns, got 2"),
    ],
    ids=[f"case{i}" for i in range(12)],
)
def test_what_cannot_be_resolved_is_said(priors, message, X):
    with pytest.raises(DataError, match=message):
        resolve(priors, X, K, "full")


def test_constant_column_needs_a_scale(X):
    flat = np.column_stack([X[:, 0], np.full(len(X), 2.0)])
    with pytest.raises(DataError, match="column 1 has no spread"):
        resolve(Priors(), flat, K, "diag")
    given = Priors(means=NormalMeans(scale=1.0), covariances=InverseWishart(scale=1.0))
    assert resolve(given, flat, K, "diag").scatter.shape == (2,)


def test_one_object_serves_a_sweep(family, X):
    for k in (1, 2, 5):
        assert resolve(Priors(), X, k, family).concentration.shape == (k,)


def test_every_part_is_described(family, priors, X):
    rows = resolve(priors, X, K, family).describe()
    assert [row[0] for row in rows] == ["weights", "means", "covariances"]
    assert all(text for row in rows for text in row)
    assert rows[0][1].startswith("Dirichlet(")


def test_zero_weight_under_a_flat_prior_has_a_density(family, X, rng):
    resolved = resolve(Priors(), X, K, family)
    mixture = oracle.random_mixture(family, K, D, rng)
    value = resolved.log_density(
        np.array([0.4, 0.6, 0.0]), mixture.means, mixture.native_covariances
    )
    assert np.isfinite(value)
