import numpy as np
import pytest

from bayesgmm import BayesianGaussianMixture
from bayesgmm.exceptions import DataError, DataTypeError
from bayesgmm.plots import plot_chains, plot_trace

from .conftest import by_gid


def test_trace_is_the_log_likelihood_of_each_draw(posterior, rows):
    ax = plot_trace(posterior, rows)
    expected = posterior.log_density(rows).sum(axis=-1)
    for chain in (0, 1):
        (line,) = by_gid(ax, f"chain-{chain + 1}")
        np.testing.assert_allclose(line.get_ydata(), expected[chain])
    assert "log-likelihood" in ax.get_ylabel()


def test_trace_does_not_depend_on_the_labels(posterior, rows):
    swapped = posterior.permute(np.array([1, 0]))
    one = by_gid(plot_trace(posterior, rows), "chain-1")[0].get_ydata()
    np.testing.assert_allclose(by_gid(plot_trace(swapped, rows), "chain-1")[0].get_ydata(), one)


def test_long_chains_are_thinned_and_said_to_be():
    values = np.arange(2000.0).reshape(2, 1000)
    ax = plot_chains(values, label="share (%)")
    (line,) = by_gid(ax, "chain-2")
    np.testing.assert_array_equal(line.get_ydata(), values[1, ::4])
    np.testing.assert_array_equal(line.get_xdata(), np.arange(0, 1000, 4))
    assert ax.get_xlabel() == "draw (every 4th shown)"
    assert plot_chains(values[:, :10]).get_xlabel() == "draw"


def test_chains_are_greys(plt):
    ax = plot_chains(np.zeros((4, 10)))
    colours = [by_gid(ax, f"chain-{i}")[0].get_color() for i in (1, 2, 3, 4)]
    assert len(set(colours)) == 4
    assert all(max(colour) - min(colour) < 0.05 for colour in colours)


def test_bad_input(em, rows):
    with pytest.raises(DataError, match=r"needs draws .* got a fit with leading axes \(\)"):
        plot_trace(em, rows)
    with pytest.raises(DataError, match=r"got shape \(3,\)"):
        plot_chains([1.0, 2.0, 3.0])


def test_a_trace_without_rows_is_told_to_give_them(posterior, plt):
    with pytest.raises(DataError, match=r"needs the rows .* write plot_trace\(bayes, X\)"):
        plot_trace(posterior)
    assert plt.get_fignums() == []


def test_chains_of_a_fit_are_told_what_to_draw(posterior, plt):
    estimator = BayesianGaussianMixture(2)
    for fit, kind in ((posterior, "Mixture"), (estimator, "BayesianGaussianMixture")):
        said = rf"axes \(chain, draw\), got {kind}; write plot_trace\(bayes, X\)"
        with pytest.raises(DataTypeError, match=said):
            plot_chains(fit)
    assert plt.get_fignums() == []
    plot_chains(posterior.weights[..., 0])
