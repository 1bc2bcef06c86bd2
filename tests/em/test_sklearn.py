"""A citizen of scikit-learn: its checks of estimators, and its own tests of its own class."""

import importlib.util
import inspect
import warnings
from pathlib import Path

import numpy as np
import pytest
import sklearn.mixture
from sklearn.utils.estimator_checks import parametrize_with_checks

from bayesgmm import GaussianMixture, Priors

CHECKS_EXPECTED_TO_FAIL = {
    "check_sample_weight_equivalence_on_dense_data": (
        "compares fits of rows repeated and reordered to 1e-7; starts are drawn from rows, so the "
        "labels differ, and full covariances of its nine distinct rows in thirty columns are "
        "refused (see test_weights_are_frequencies)"
    )
}


@pytest.mark.filterwarnings("ignore::bayesgmm.exceptions.DegeneracyWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks(
    [GaussianMixture(2)],
    expected_failed_checks=lambda _: CHECKS_EXPECTED_TO_FAIL,
    xfail_strict=True,
)
def test_scikit_learns_checks_of_an_estimator(estimator, check):
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks(
    [GaussianMixture(2, covariance_type="diag", priors=Priors())],
    expected_failed_checks=lambda _: CHECKS_EXPECTED_TO_FAIL,
    xfail_strict=True,
)
def test_scikit_learns_checks_under_priors(estimator, check):
    check(estimator)


# Tests of the installed scikit-learn that are not run, each with its reason.
_PRIVATE = "tests private functions of scikit-learn"
EXCLUDED = {
    "test_suffstat_sk_full": _PRIVATE,
    "test_suffstat_sk_tied": _PRIVATE,
    "test_suffstat_sk_diag": _PRIVATE,
    "test_gaussian_suffstat_sk_spherical": _PRIVATE,
    "test_compute_log_det_cholesky": _PRIVATE,
    "test_gaussian_mixture_log_probabilities": _PRIVATE,
    "test_gaussian_mixture_estimate_log_prob_resp": _PRIVATE,
    "test_gaussian_mixture_precisions_init": "sets parameters through a private method",
    "test_gaussian_mixture_precisions_init_diag": "sets parameters through a private method",
    "test_gaussian_mixture_all_init_does_not_estimate_gaussian_parameters": (
        "counts the calls of a private function"
    ),
    "test_gaussian_mixture_array_api_compliance": "needs the array API, which is not offered",
    "test_gaussian_mixture_raises_where_array_api_not_implemented": (
        "needs the array API, which is not offered"
    ),
    "test_check_weights": (
        "expects the largest weight where the message says smallest; ours has them right, "
        "see test_impossible_arguments_are_refused"
    ),
    "test_multiple_init": (
        "expects five starts to do no worse than the default of one; our default is up to thirty, "
        "and better"
    ),
    "test_gaussian_mixture_setting_best_params": (
        "expects a fit whose component has collapsed onto one row; with reg_covar=0 its variance "
        "is exactly zero in our arithmetic, and an error says so"
    ),
    "test_regularisation": (
        "expects a fit to fail halfway; our error comes before it and names the columns, "
        "see test_collinear_columns_are_an_error_with_a_way_out"
    ),
}


def _suite():
    path = Path(sklearn.mixture.__file__).parent / "tests" / "test_gaussian_mixture.py"
    spec = importlib.util.spec_from_file_location("scikit_learns_own_tests", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.GaussianMixture = GaussianMixture
    return module


SUITE = _suite()


def _cases():
    """Every test of the module and every combination of its parameters."""
    for name, function in inspect.getmembers(SUITE, inspect.isfunction):
        if not name.startswith("test_") or name in EXCLUDED:
            continue
        combinations = [{}]
        for mark in getattr(function, "pytestmark", []):
            if mark.name != "parametrize":
                continue
            names, values = mark.args[:2]
            names = [n.strip() for n in names.split(",")] if isinstance(names, str) else names
            combinations = [
                {
                    **combination,
                    **dict(zip(names, value if len(names) > 1 else [value], strict=True)),
                }
                for combination in combinations
                for value in values
            ]
        wanted = inspect.signature(function).parameters
        if "global_dtype" in wanted:
            # The value scikit-learn runs by default; our results are float64 whatever comes in.
            combinations = [
                {**combination, "global_dtype": np.float64} for combination in combinations
            ]
        if "global_random_seed" in wanted:
            combinations = [
                {**combination, "global_random_seed": 42} for combination in combinations
            ]
        for i, combination in enumerate(combinations):
            yield pytest.param(function, combination, id=f"{name[5:]}-{i}")


@pytest.mark.parametrize(("function", "arguments"), list(_cases()))
def test_scikit_learns_own_tests(function, arguments, request):
    fixtures = {
        name: request.getfixturevalue(name)
        for name in inspect.signature(function).parameters
        if name not in arguments
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        function(**arguments, **fixtures)


def test_no_exclusion_is_out_of_date():
    assert set(EXCLUDED) <= set(dir(SUITE))
