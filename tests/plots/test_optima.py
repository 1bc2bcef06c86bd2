import numpy as np
import pytest

from bayesgmm import GaussianMixture
from bayesgmm.em.atlas import Atlas, Optimum
from bayesgmm.exceptions import DataError
from bayesgmm.plots import plot_optima

from .conftest import by_gid, key_texts


def atlas(em, n_others=1):
    kept = Optimum(em, -1234.5, 20, 0.0, True, "")
    others = [Optimum(em, -1240.0 - i, 5, 0.125, i > 0, "") for i in range(n_others)]
    spike = Optimum(em, -1000.0, 3, 0.4, True, "component 0 has collapsed onto 3 rows (1, 2, 3)")
    return Atlas((kept, *others, spike), n_failed=2)


def test_a_bar_an_optimum_as_long_as_its_starts(em):
    ax = plot_optima(atlas(em))
    lengths = [by_gid(ax, f"optimum-{i}")[0].get_width() for i in range(3)]
    assert lengths == [20, 5, 3]
    assert ax.get_xlabel() == "starts (of 30)"
    assert [label.get_text() for label in ax.get_yticklabels()] == ["kept", "1", "2"]
    # The kept one is at the top.
    assert ax.get_ylim()[0] > ax.get_ylim()[1]


def test_what_stands_beside_the_bars(em):
    ax = plot_optima(atlas(em))
    notes = [
        by_gid(ax, f"note-{i}")[0].get_text().replace("\N{NO-BREAK SPACE}", " ") for i in range(3)
    ]
    assert notes == [
        "\N{MINUS SIGN}1234.50 nats",
        "5.5 nats below, 12 % of rows elsewhere, not run to its end",
        "234 nats above, 40 % of rows elsewhere, collapsed",
    ]


def test_spurious_ones_are_told_by_more_than_colour(em):
    ax = plot_optima(atlas(em))
    sound, spurious = by_gid(ax, "optimum-1")[0], by_gid(ax, "optimum-2")[0]
    assert sound.get_hatch() is None
    assert spurious.get_hatch()
    assert "3 collapsed onto a few rows" in ax.get_label()


def test_many_optima_are_cut_and_said_to_be(em):
    ax = plot_optima(atlas(em, n_others=15))
    assert len(by_gid(ax, "optimum-11")) == 1
    assert by_gid(ax, "optimum-12") == []
    assert key_texts(ax) == ["5 more not shown"]


def test_a_fit_is_taken_for_its_starts(rows, plt):
    fit = GaussianMixture(2, random_state=0).fit(rows)
    _, ax = plt.subplots()
    assert plot_optima(fit, ax=ax) is ax
    assert by_gid(ax, "optimum-0")[0].get_width() == fit.starts_.n_at_best
    np.testing.assert_allclose(by_gid(plot_optima(fit.starts_), "optimum-0")[0].get_x(), 0.0)


def test_bad_input(em):
    with pytest.raises(DataError, match="an atlas of optima comes from EM, got a Mixture"):
        plot_optima(em)
