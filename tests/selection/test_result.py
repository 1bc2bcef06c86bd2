"""The result of a sweep: what is best, and by what."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from bayesgmm import select_components
from bayesgmm.exceptions import DataError


@pytest.mark.parametrize(
    ("criterion", "column", "sign"),
    [
        ("bic", "bic", 1),
        ("aic", "aic", 1),
        ("icl", "icl", 1),
        ("loo", "elpd_loo", -1),
        ("waic", "elpd_waic", -1),
    ],
)
def test_best_is_by_the_criterion(both, criterion, column, sign):
    result = replace(both, criterion=criterion)
    known = both.table.dropna(subset=[column])
    expected = known.loc[(sign * known[column]).idxmin()]
    assert expected["n_components"] == 2
    pd.testing.assert_series_equal(result.best_row, expected)
    key = expected["engine"], expected["covariance_type"], 2
    assert result.best is both.fits[key]


def test_ranked_is_sorted_best_first_and_leaves_blanks_out(both):
    assert both.ranked("bic")["bic"].is_monotonic_increasing
    assert both.ranked("loo")["elpd_loo"].is_monotonic_decreasing
    assert len(both.ranked("bic")) == len(both.ranked("loo")) == 4


def test_unknown_and_absent_criteria_are_refused(both, frame):
    with pytest.raises(DataError, match="one of bic, aic, icl, loo, waic, got 'evidence'"):
        both.ranked("evidence")
    with pytest.raises(DataError, match=r"got 'wiac' \(did you mean 'waic'"):
        both.ranked("wiac")
    em = select_components(frame, 1, engines="em", random_state=0, progressbar=False)
    with pytest.raises(DataError, match="no fit has a value of loo: it needs engine 'bayes'"):
        em.ranked("loo")


@pytest.mark.parametrize("families", [("full", "diag", "spherical"), ("spherical", "full")])
def test_of_one_model_under_several_names_the_first_leads(frame, families):
    """With one feature full, diag and spherical are one; rounding must not choose."""
    sweep = select_components(
        frame[["length"]], (1, 2), families, "em", random_state=0, progressbar=False
    )
    bic = sweep.table.query("n_components == 2")["bic"]
    assert np.ptp(bic) < 1e-6
    assert sweep.best.covariance_type == families[0]
    perturbed = sweep.table.copy()
    perturbed.loc[bic.index, "bic"] -= 1e-9 * np.arange(len(bic))
    assert replace(sweep, table=perturbed).best.covariance_type == families[0]


def test_what_the_data_were(both, frame):
    np.testing.assert_array_equal(both.X, frame.to_numpy())
    assert both.feature_names == ("length", "width")
    assert (both.n_rows, both.n_features) == (70, 2)
    unnamed = select_components(
        frame.to_numpy(), 1, engines="em", random_state=0, progressbar=False, data_name="toy"
    )
    assert unnamed.feature_names == ("x0", "x1")
    assert unnamed.data_name == "toy"


def test_repr_names_the_best(both):
    best = both.best_row
    assert repr(both) == (
        f"SelectionResult(8 fits; best by bic: 2 components, {best['covariance_type']})"
    )


def test_print_shows_every_fit_and_no_empty_column(both):
    lines = str(both).splitlines()
    assert lines[0] == repr(both)
    assert len(lines) == 2 + len(both.table)
    best = both.best_row
    assert any(f"{best['bic']:.1f}" in line and line.split()[0] == "em" for line in lines)
    em = replace(both, table=both.table[both.table["engine"] == "em"])
    assert "elpd_loo" in lines[1]
    assert "elpd_loo" not in str(em)
    none = replace(both, table=both.table.iloc[:0])
    assert str(none) == repr(none)


def test_repr_where_no_fit_has_the_criterion(both):
    table = both.table.assign(elpd_loo=np.nan)
    none = replace(both, table=table, criterion="loo")
    assert repr(none) == "SelectionResult(8 fits; best by loo: none)"
    with pytest.raises(DataError, match="no fit has a value of loo"):
        _ = none.best


def test_plot_draws_every_criterion(both):
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure = both.plot()
    text = " ".join(t.get_text() for ax in figure.axes for t in [*ax.texts, ax.title])
    text += " ".join(t.get_text() for t in figure.findobj(mpl.text.Text))
    assert all(re.search(name, text) for name in ("BIC", "ICL", "LOO", "WAIC"))
    plt.close(figure)


def test_report_is_written_by_suffix(both, tmp_path):
    path = tmp_path / "report.md"
    both.report(path)
    assert path.read_text(encoding="utf-8").startswith("#")
