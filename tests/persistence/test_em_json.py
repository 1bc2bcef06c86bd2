"""EM fits as JSON: what goes in comes out, to the last bit."""

import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bayesgmm import GaussianMixture, Mixture, Priors, load, load_dataset, save
from bayesgmm.core.covariance import FAMILIES
from bayesgmm.em.atlas import Atlas, Optimum
from bayesgmm.priors.choices import (
    ConjugateMeans,
    Dirichlet,
    GammaScale,
    InverseWishart,
    LogNormalScale,
    NormalMeans,
)


@pytest.fixture(scope="module")
def faithful():
    return load_dataset("faithful")


def same(a, b):
    """Whether two fitted attributes or arguments are equal, arrays within objects too."""
    if isinstance(a, Priors | Dirichlet | NormalMeans | ConjugateMeans | InverseWishart):
        return type(a) is type(b) and all(same(v, vars(b)[k]) for k, v in vars(a).items())
    if isinstance(a, tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, Mixture) or hasattr(a, "__dict__"):
        return type(a) is type(b) and all(same(v, getattr(b, k)) for k, v in vars(a).items())
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and np.array_equal(a, b)
    if isinstance(a, tuple | list):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and a == b


def random_mixture(family, k, d, seed, exponent):
    rng = np.random.default_rng(seed)
    scale = 10.0**exponent
    means = scale * rng.standard_normal((k, d))
    roots = scale * rng.standard_normal((k, d, d + 3))
    covariances = roots @ roots.swapaxes(-1, -2)
    variances = np.diagonal(covariances, axis1=-2, axis2=-1)
    native = {
        "full": covariances,
        "tied": covariances[0],
        "diag": variances,
        "spherical": variances[:, 0],
    }[family]
    return Mixture.from_covariances(rng.dirichlet(np.ones(k)), means, native, family)


def fitted(mixture, names):
    fit = GaussianMixture(mixture.n_components, covariance_type=mixture.covariance_type)
    fit._keep_mixture(mixture)
    fit._keep_features(mixture.n_features, names)
    fit.converged_, fit.n_iter_, fit.n_rows_ = True, 7, 12.5
    fit.lower_bound_, fit.lower_bounds_ = -1.0 / 3.0, [-2.0 / 3.0, -1.0 / 3.0]
    fit.starts_ = Atlas((Optimum(mixture, -0.1, 2, 0.0, True, ""),), n_failed=1)
    return fit


@pytest.mark.parametrize("family", FAMILIES)
@given(
    k=st.integers(1, 5),
    d=st.integers(1, 5),
    seed=st.integers(0, 2**32 - 1),
    exponent=st.integers(-60, 60),
    data=st.data(),
)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_mixture_comes_back_to_the_last_bit(tmp_path, family, k, d, seed, exponent, data):
    text = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
    names = data.draw(st.none() | st.lists(text, min_size=d, max_size=d, unique=True))
    before = fitted(random_mixture(family, k, d, seed, exponent), names)
    path = tmp_path / "fit.json"
    save(before, path)
    after = load(path)

    X = before.mixture_.sample(20, np.random.default_rng(seed))[0]
    assert same(before.mixture_.whitening, after.mixture_.whitening)
    assert same(before.covariances_, after.covariances_)
    assert same(before.predict_proba(X), after.predict_proba(X))
    assert same(before.score_samples(X), after.score_samples(X))
    if names is None:
        assert not hasattr(after, "feature_names_in_")
    else:
        assert list(after.feature_names_in_) == names


@pytest.mark.parametrize("family", FAMILIES)
def test_everything_a_fit_has_comes_back(tmp_path, faithful, family):
    before = GaussianMixture(2, covariance_type=family, n_init=3, random_state=1).fit(faithful)
    save(before, tmp_path / "fit.json")
    after = load(tmp_path / "fit.json")

    assert vars(before).keys() == vars(after).keys()
    for name in vars(before).keys() - {"mixture_", "feature_names_in_"}:
        assert same(getattr(before, name), getattr(after, name)), name
    assert list(after.feature_names_in_) == ["eruptions", "waiting"]
    assert after.mixture_.feature_names == ("eruptions", "waiting")
    assert after.mixture_.covariance_type == family
    assert after.bic(faithful) == before.bic(faithful)
    assert after.icl(faithful) == before.icl(faithful)
    assert same(after.predict(faithful), before.predict(faithful))
    for one, other in zip(after.sample(5), before.sample(5), strict=True):
        assert same(one, other)


def test_document_is_as_described(tmp_path, faithful):
    fit = GaussianMixture(2, covariance_type="VVI", n_init=1, random_state=0).fit(faithful)
    save(fit, tmp_path / "fit.json")
    document = json.loads((tmp_path / "fit.json").read_text(encoding="utf-8"))

    assert document["format"] == "bayesgmm.GaussianMixture"
    assert document["format_version"] == 1
    assert (document["n_components"], document["n_features"]) == (2, 2)
    assert document["feature_names"] == ["eruptions", "waiting"]
    assert document["covariance_type"] == "diag"
    assert np.shape(document["covariances"]) == (2, 2)
    np.testing.assert_allclose(1 / np.square(document["whitening"]), document["covariances"])
    about = document["fit"]
    assert about["n_rows"] == 272
    assert about["log_likelihood"] == pytest.approx(fit.score_samples(faithful).sum(), abs=1e-9)
    assert about["log_posterior"] is None
    assert about["starts"]["n_starts"] == 1
    assert document["settings"]["covariance_type"] == "VVI"
    assert document["settings"]["random_state"] == 0


@pytest.mark.parametrize(
    "priors",
    [
        Priors(),
        Priors.conjugate(strength=0.5),
        Priors.richardson_green([[1.0, 2.0], [3.0, 5.0], [2.0, 9.0]]),
        Priors(
            Dirichlet([2.0, 3.0]),
            ConjugateMeans(loc=[3.0, 70.0]),
            InverseWishart(dof=7, scale=[[1.0, 0.5], [0.5, 90.0]]),
        ),
        Priors(means=NormalMeans(np.array([3.0, 70.0]), 50.0), covariances=GammaScale(3.0)),
        Priors(covariances=LogNormalScale(median=[0.1, 20.0])),
    ],
    ids=["default", "conjugate", "scaled", "arrays", "mixed", "learned"],
)
def test_priors_come_back(tmp_path, faithful, priors):
    before = GaussianMixture(2, priors=priors, n_init=2, random_state=0).fit(faithful)
    save(before, tmp_path / "fit.json")
    after = load(tmp_path / "fit.json")
    about = json.loads((tmp_path / "fit.json").read_text())["fit"]
    assert about["log_likelihood"] is None
    assert about["log_posterior"] == pytest.approx(before.lower_bound_ * 272)
    # The same priors: fitting again ends in the same place.
    again = after.fit(faithful)
    assert same(before.means_, again.means_)
    assert same(before.lower_bound_, again.lower_bound_)


def test_arrays_among_the_settings_come_back(tmp_path, faithful):
    before = GaussianMixture(
        2,
        means_init=np.array([[2.0, 55.0], [4.0, 80.0]]),
        weights_init=(0.5, 0.5),
        tol=np.float64(1e-3),
        n_init=np.int64(1),
        random_state=np.random.default_rng(0),
    ).fit(faithful)
    save(before, tmp_path / "fit.json")
    after = load(tmp_path / "fit.json")
    assert after.means_init == [[2.0, 55.0], [4.0, 80.0]]
    assert after.weights_init == [0.5, 0.5]
    assert after.tol == 1e-3
    assert after.random_state is None
    after.set_params(random_state=np.random.default_rng(0))
    assert same(after.fit(faithful).means_, before.means_)


def test_loading_an_em_fit_imports_no_posterior_library(tmp_path, faithful):
    save(GaussianMixture(2, random_state=0).fit(faithful), tmp_path / "fit.json")
    code = (
        "import sys; from bayesgmm import load, save\n"
        f"fit = load({str(tmp_path / 'fit.json')!r})\n"
        f"save(fit, {str(tmp_path / 'again.json')!r})\n"
        "fit.score_samples([[2.0, 55.0]])\n"
        "heavy = {'pymc', 'pytensor', 'arviz', 'nutpie', 'xarray', 'netCDF4', 'matplotlib'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "fit.json").read_bytes()
