from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from bayesgmm.exceptions import DataError, DataTypeError
from bayesgmm.plots import plot_criteria, plot_criteria_panel, plot_loo_differences
from bayesgmm.plots.differences import draw_differences

from .conftest import by_gid


@pytest.fixture
def table():
    rows = []
    values = {"full": [2600.0, 2322.0, 2330.0, 2358.0], "tied": [2600.0, 2325.0, 2314.0, 2324.0]}
    for family, bic in values.items():
        for k, value in enumerate(bic, start=1):
            rows.append(
                {
                    "engine": "em",
                    "covariance_type": family,
                    "n_components": k,
                    "bic": value,
                    "icl": value + 10.0 * k,
                    "aic": value - 30.0,
                }
            )
            rows.append(
                {
                    "engine": "bayes",
                    "covariance_type": family,
                    "n_components": k,
                    "elpd_loo": -1150.0 + 5 * min(k, 3),
                    "se_loo": 16.0 + k,
                    "elpd_waic": -1149.0 + 5 * min(k, 3),
                    "se_waic": 15.0,
                }
            )
    return pd.DataFrame(rows)


def shaded(ax):
    (patch,) = by_gid(ax, "chosen")
    return patch.get_x() + patch.get_width() / 2


def test_one_line_a_family_at_the_values_of_the_table(table):
    ax = plot_criteria(table, criterion="bic")
    for family in ("full", "tied"):
        (line,) = by_gid(ax, f"bic-{family}")
        expected = table[(table.engine == "em") & (table.covariance_type == family)]
        np.testing.assert_array_equal(line.get_xdata(), expected.n_components)
        np.testing.assert_array_equal(line.get_ydata(), expected.bic)
    assert shaded(ax) == 3.0, "tied with three is lowest"
    assert ax.get_title(loc="left") == "BIC"
    assert any("lower is better" in text.get_text() for text in ax.texts)


def test_criteria_of_the_chosen_family_only_are_said_to_be(table):
    remark = "ICL of the chosen family only"
    both = plot_criteria(table, criterion=["bic", "icl"])
    assert any(remark in text.get_text() for text in both.texts)
    one_family = table[table["covariance_type"] == "full"]
    for ax in (
        plot_criteria(table, criterion="bic"),
        plot_criteria(one_family, criterion=["bic", "icl"]),
    ):
        assert not any("family only" in text.get_text() for text in ax.texts)


def test_the_choice_of_the_result_is_shaded_not_the_best_of_the_panel(table):
    result = SimpleNamespace(
        table=table,
        criterion="icl",
        best_row=table.iloc[2],  # full, K = 2
    )
    ax = plot_criteria(result)
    assert ax.get_title(loc="left") == "ICL"
    assert shaded(ax) == 2.0


def test_bars_are_one_standard_error_either_side(table):
    ax = plot_criteria(table[table.covariance_type == "full"], criterion="loo")
    (bars,) = ax.containers[0].lines[2]
    segments = np.array(bars.get_segments())
    expected = table[(table.engine == "bayes") & (table.covariance_type == "full")]
    np.testing.assert_allclose(segments[:, 0, 1], expected.elpd_loo - expected.se_loo)
    np.testing.assert_allclose(segments[:, 1, 1], expected.elpd_loo + expected.se_loo)
    assert any("higher is better" in text.get_text() for text in ax.texts)
    assert shaded(ax) == 3.0


def test_only_the_chosen_family_has_the_second_criterion(table):
    ax = plot_criteria(table, criterion=("bic", "icl"))
    assert by_gid(ax, "icl-tied")
    assert not by_gid(ax, "icl-full")


def test_what_would_flatten_the_rest_is_an_arrow_with_its_number(table):
    table.loc[(table.n_components == 1) & (table.engine == "em"), "bic"] = [9000.4, 8000.4]
    ax = plot_criteria(table, criterion="bic")
    assert ax.get_ylim()[1] < 3000
    (arrow,) = by_gid(ax, "off-scale-1")
    assert arrow.get_text() == "≥ 8000"
    texts = [text.get_text() for text in ax.texts]
    assert {"full", "tied"} <= set(texts)


def test_a_failed_fit_leaves_a_gap_not_an_error(table):
    table.loc[
        (table.n_components == 2) & (table.covariance_type == "full"), ["bic", "elpd_loo"]
    ] = np.nan
    (line,) = by_gid(plot_criteria(table), "bic-full")
    assert list(line.get_xdata()) == [1, 3, 4]


def test_labels_at_the_ends_do_not_overlap(table):
    last = (table.n_components == 4) & (table.engine == "em")
    table.loc[last, "bic"] = 2324.0
    ax = plot_criteria(table, criterion="bic")
    boxes = [t.get_window_extent() for t in ax.texts if t.get_text() in ("full", "tied")]
    assert len(boxes) == 2
    assert not boxes[0].overlaps(boxes[1])


def test_panel_has_one_axes_a_direction(table, plt):
    figure = plot_criteria_panel(table)
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    assert titles == ["BIC and ICL", "Prediction: elpd by LOO and WAIC"]
    figure = plot_criteria_panel(table[table.engine == "em"])
    assert len(figure.axes) == 1
    with pytest.raises(DataError, match="no criterion to draw"):
        plot_criteria_panel(table.assign(bic=np.nan, icl=np.nan, elpd_loo=np.nan, elpd_waic=np.nan))


def test_bad_input(table):
    with pytest.raises(DataError, match=r"got 'bix' \(did you mean 'bic'"):
        plot_criteria(table, criterion="bix")
    with pytest.raises(DataError, match="share their direction, got 'bic' and 'loo'"):
        plot_criteria(table, criterion=("bic", "loo"))
    with pytest.raises(DataError, match="holds no LOO; it needs engine 'bayes'"):
        plot_criteria(table[table.engine == "em"], criterion="loo")
    with pytest.raises(DataTypeError, match="a selection or its table is needed, got list"):
        plot_criteria([1, 2])


@pytest.fixture
def selection(table):
    """Posteriors for K = 1, 2, 3; full with two is chosen, and tied predicts better at three."""
    rng = np.random.default_rng(6)
    base = rng.normal(-4.0, 1.0, 100)
    gains = {("full", 1): -1.5, ("full", 2): 0.0, ("full", 3): -0.02, ("tied", 3): 0.05}
    loo = {}
    for model, gain in gains.items():
        elpd_i = base + (gain and gain + 0.1 * rng.standard_normal(100))
        loo[model] = SimpleNamespace(elpd_i=elpd_i, elpd=elpd_i.sum())
    best_row = table[(table.covariance_type == "full") & (table.n_components == 2)].iloc[0]
    return SimpleNamespace(table=table, criterion="bic", best_row=best_row, loo=loo)


def test_differences_are_paired_by_row(selection):
    ax = plot_loo_differences(selection)
    pointwise = selection.loo["tied", 3].elpd_i - selection.loo["full", 2].elpd_i
    difference, error = pointwise.sum(), np.sqrt(100) * pointwise.std(ddof=1)
    (thin,) = by_gid(ax, "bar-3-thin")
    np.testing.assert_allclose(
        thin.get_segments()[0][:, 1], [difference - 2 * error, difference + 2 * error]
    )
    (thick,) = by_gid(ax, "bar-3-thick")
    np.testing.assert_allclose(
        thick.get_segments()[0][:, 1], [difference - error, difference + error]
    )
    assert by_gid(ax, "difference-2")[0].get_text() == "reference"
    assert by_gid(ax, "difference-3")[0].get_text() == f"+{difference:.1f}"
    far = (selection.loo["full", 2].elpd_i - selection.loo["full", 1].elpd_i).sum()
    assert by_gid(ax, "difference-1")[0].get_text() == f"\N{MINUS SIGN}{far:.1f}"
    assert not by_gid(ax, "bar-1-thin"), "far off the scale: an arrow"
    assert shaded(ax) == 2.0


def test_bars_of_differences_that_are_shown_are_whole():
    """One is off the scale, the next is long, the third would set the scale alone."""
    _, ax = plt.subplots()
    differences = {1: (-300.0, 20.0), 2: (0.0, 0.0), 3: (-1.0, 0.5), 4: (-4.8, 9.0)}
    draw_differences(ax, differences, 2)
    low, high = ax.get_ylim()
    assert low < -4.8 - 2 * 9.0 < -4.8 + 2 * 9.0 < high
    assert low > -300.0
    assert by_gid(ax, "bar-4-thin")
    assert not by_gid(ax, "bar-1-thin")


def test_panel_of_a_selection_has_the_differences_too(selection):
    titles = [ax.get_title(loc="left") for ax in plot_criteria_panel(selection).axes]
    assert titles[2:] == ["LOO against K = 2"]


def test_differences_need_posteriors_at_two_k(selection):
    selection.loo = {("full", 3): selection.loo["full", 3]}
    with pytest.raises(DataError, match=r"got them at K = \[3\] with K = 2 chosen"):
        plot_loo_differences(selection)
    with pytest.raises(DataTypeError, match="a selection is needed, got dict"):
        plot_loo_differences({})


def test_axes_are_used(table, plt):
    _, ax = plt.subplots()
    assert plot_criteria(table, ax=ax) is ax
    assert plt.get_fignums() == [ax.figure.number]


def test_marks_with_bars_stand_clear_of_each_other(table):
    """At the size of the panel, with a line for each family and for the second criterion."""
    more = [table.assign(covariance_type=table.covariance_type.map(str)), table]
    more[0].covariance_type = more[0].covariance_type.replace({"full": "diag", "tied": "spherical"})
    for shown in (table, pd.concat(more, ignore_index=True)):
        figure = plot_criteria_panel(shown)
        figure.canvas.draw()
        ax = figure.axes[1]
        lines = [line for line in ax.lines if (line.get_gid() or "").startswith("elpd_")]
        at_two = [ax.transData.transform((line.get_xdata()[1], 0.0))[0] for line in lines]
        size = lines[0].get_markersize() * figure.dpi / 72
        assert np.diff(np.sort(at_two)).min() > size
        assert np.ptp([line.get_xdata()[1] for line in lines]) < 0.7, "within the shade of one K"
