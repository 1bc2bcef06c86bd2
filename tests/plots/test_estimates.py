from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from bayesgmm import BayesianGaussianMixture, GaussianMixture
from bayesgmm.exceptions import DataError, DataTypeError
from bayesgmm.plots import plot_estimates

from .conftest import by_gid

COLUMNS = ["parameter", "component", "feature", "em", "map", "mean", "sd", "lower", "upper"]


@pytest.fixture
def table():
    rows = [
        ("weight", 0, None, 0.36, 0.359, 0.358, 0.029, 0.311, 0.408),
        ("weight", 1, None, 0.64, 0.641, 0.642, 0.029, 0.592, 0.689),
        ("mean", 0, "waiting", 54.0, 54.2, 54.5, 0.6, 53.5, 55.48),
        ("mean", 1, "waiting", 90.0, 80.0, 79.96, 0.45, 79.2, 80.72),
    ]
    frame = pd.DataFrame(rows, columns=COLUMNS)
    return frame.assign(shift=(frame["em"] - frame["mean"]) / frame["sd"])


def texts(ax):
    return [text.get_text() for text in ax.texts]


def test_rows_are_scaled_by_their_posterior(table):
    ax = plot_estimates(SimpleNamespace(table=table))
    # Rows are ordered by component: weight 1, mean 1, weight 2, mean 2.
    order = table.iloc[[0, 2, 1, 3]].reset_index()
    for i, row in order.iterrows():
        (bar,) = by_gid(ax, f"interval-{i}")
        low, high = np.array(bar.get_segments()[0])[:, 0]
        assert low == pytest.approx((row.lower - row["mean"]) / row.sd)
        assert high == pytest.approx((row.upper - row["mean"]) / row.sd)
    (diamonds,) = by_gid(ax, "em")
    np.testing.assert_allclose(diamonds.get_xdata(), order["shift"][:3])
    (crosses,) = by_gid(ax, "map")
    np.testing.assert_allclose(crosses.get_xdata(), (order["map"] - order["mean"]) / order["sd"])


def test_an_em_value_far_out_is_an_arrow_and_its_number_is_kept(table):
    ax = plot_estimates(table)
    (arrow,) = by_gid(ax, "em-beyond")
    assert arrow.get_xdata()[0] == ax.get_xlim()[1] == 4.0
    assert arrow.get_marker() == ">"
    assert "+22.31" in texts(ax)
    assert "22.31 posterior standard deviations" in ax.get_label()


def test_numbers_stand_in_natural_units_with_two_digits_of_the_sd(table):
    found = texts(plot_estimates(table))
    assert {"35.8", "31.1 to 40.8", "+0.07"} <= set(found)
    assert {"54.50", "53.50 to 55.48", "\N{MINUS SIGN}0.83"} <= set(found)
    assert not texts(plot_estimates(table, numbers=False))


def test_row_names(table):
    ax = plot_estimates(table)
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names == ["share (%) · 1", "centre, waiting · 1", "share (%) · 2", "centre, waiting · 2"]
    top, bottom = ax.transData.transform([[0, 0], [0, 3]])[:, 1]
    assert top > bottom, "the first row is at the top"


@pytest.mark.parametrize("width", [5.5, 9.0])
def test_number_columns_do_not_overlap(table, plt, width):
    _, ax = plt.subplots(figsize=(width, 3.0), layout="constrained")
    plot_estimates(table, ax=ax)
    ax.figure.canvas.draw()
    boxes = [text.get_window_extent() for text in ax.texts]
    for i, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:i])
        assert box.x1 <= ax.figure.bbox.x1
    legend = ax.get_legend().get_window_extent()
    assert not any(legend.overlaps(box) for box in boxes)


def test_shared_and_fixed_parameters(table):
    shared = pd.DataFrame(
        [
            ("sd", "all", "waiting", 6.0, 6.0, 6.0, 0.3, 5.5, 6.5),
            ("weight", 0, None, 1.0, 1.0, 1.0, 0.0, 1.0, 1.0),
        ],
        columns=COLUMNS,
    )
    ax = plot_estimates(shared)
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names == ["share (%) · 1", "spread, waiting · all"]
    assert "fixed" in texts(ax)


def test_bad_input(table, plt):
    with pytest.raises(DataTypeError, match="compare_estimates"):
        plot_estimates([1, 2, 3])
    with pytest.raises(DataError, match="column 'sd' is missing"):
        plot_estimates(table.drop(columns="sd"))
    with pytest.raises(DataError, match="it has no rows"):
        plot_estimates(table.iloc[:0])
    assert plt.get_fignums() == []


def test_two_fits_are_told_to_be_compared_first(plt):
    said = r"got GaussianMixture; write plot_estimates\(compare_estimates\(em, bayes\)\)"
    with pytest.raises(DataTypeError, match=said):
        plot_estimates(GaussianMixture(2), BayesianGaussianMixture(2))
    assert plt.get_fignums() == []
