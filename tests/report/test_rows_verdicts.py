import pytest

from bayesgmm.report.verdicts import rows as v
from bayesgmm.report.verdicts.choice import Placement


@pytest.mark.parametrize(
    ("n", "doubtful", "text"),
    [
        (272, [], "All 272 rows are sure"),
        (272, [244], "271 rows are sure; row 244 is in doubt"),
        (272, [4, 5], "270 rows are sure, 2 are in doubt"),
        (2, [1], "1 row is sure; row 1 is in doubt"),
        (2, [1, 2], "All 2 rows are in doubt"),
    ],
)
def test_doubt_heading(n, doubtful, text):
    assert v.doubt_heading(n, doubtful) == text


@pytest.mark.parametrize(
    ("wrong", "doubt", "text"),
    [
        (0.3, 1, "Two clouds, well apart"),
        (5.0, 9, "Two clouds that touch"),
        (30.0, 9, "Two clouds that overlap"),
    ],
)
def test_picture_heading(wrong, doubt, text):
    assert v.picture_heading(2, Placement(272, doubt, wrong), 2) == text


def test_picture_heading_of_one_cluster_and_one_measurement():
    assert v.picture_heading(1, Placement(10, 0, 0.0), 2) == "One cloud"
    assert v.picture_heading(3, Placement(82, 0, 0.1), 1) == "Three peaks, well apart"


def test_overlap_names_the_pair():
    assert v.overlap_verdict(Placement(100, 1, 1.0), (0, 1, 0.5)) is None
    lead, body = v.overlap_verdict(Placement(272, 67, 22.0), (0, 2, 21.3))
    assert lead == "Clusters 1 and 3 overlap."
    assert body.startswith("About 21 of 272 rows")


def test_wrong_rows():
    text = v.wrong_sentence(272, 0.31, (0.1, 0.52), 2)
    assert text == (
        "If each row goes to its likelier cluster, about 0.3 of 272 rows are expected in the "
        "wrong one (90 % interval 0.1 to 0.5)."
    )
    none = v.wrong_sentence(150, 0.013, (0.0, 0.048), 2)
    assert none == (
        "If each row goes to its likelier cluster, practically none of 150 rows is expected in the "
        "wrong one."
    )
    assert "practically none" in v.wrong_sentence(150, 0.013, None, 2)
    assert "about 0.0 of 150 rows are expected in the wrong one (90 % interval 0.0 to 0.1)" in (
        v.wrong_sentence(150, 0.013, (0.0, 0.06), 2)
    )
    assert "likeliest cluster, about 22 of 272 rows" in v.wrong_sentence(272, 22.0, None, 3)


def test_no_row_is_odd():
    assert v.odd_heading([], False) == "No row is odd"
    text = v.odd_sentence(272, 3, 244, 1.71)
    assert text == (
        "Three rows lie beyond the 99 % ellipse of every cluster. Chance alone puts up to 2.7 "
        "there on average, so three is nothing unusual. "
        "Even the least expected, row 244, is no surprise: up to 1.71 rows are expected as far "
        "out, and only below 0.5 would it deserve a look."
    )


def test_odd_rows():
    assert v.odd_heading([292], False) == "Row 292 fits no cluster"
    assert v.odd_heading([2, 3], True) == "Rows 2 and 3 fit no cluster"
    assert "Row 292 is a surprise: at most 0.01 rows are expected as far out. Look at it" in (
        v.odd_sentence(342, 1, 292, 0.0113, [292])
    )
    assert "Rows 292 and 7 are surprises: two rows lie where fewer than 0.01 are expected" in (
        v.odd_sentence(342, 2, 292, 1e-9, [292, 7])
    )


@pytest.mark.parametrize("odd", [(), (8,), (8, 42), tuple(range(1, 8))])
@pytest.mark.parametrize(
    ("n_rows", "n_beyond"), [(60, 0), (60, 1), (60, 2), (60, 7), (1829, 7), (1829, 20), (1829, 32)]
)
def test_the_heading_and_the_text_on_odd_rows_agree(n_rows, n_beyond, odd):
    heavy = v.has_heavy_tails(n_rows, n_beyond)
    heading = v.odd_heading(odd, heavy)
    text = v.odd_sentence(n_rows, n_beyond, 8, 0.01 if odd else 0.7, odd)
    assert ("fit no cluster" in heading or "fits no cluster" in heading) is bool(odd)
    assert ("is a surprise" in text or "are surprises" in text) is bool(odd)
    assert ("is no surprise" in text) is not bool(odd)
    if odd:
        assert "nothing unusual" not in text
        # The same rows, by the same words.
        rows = heading.removesuffix(" fits no cluster").removesuffix(" fit no cluster")
        assert f" {rows} " in text
    assert ("heavier" in text) is heavy
    assert heavy or "many lie far out" not in heading
    assert not (heavy and "nothing unusual" in text)


def test_heavy_tails_are_named():
    assert "heavier than a Gaussian's" in v.odd_sentence(272, 12, 0, 2.0)
    assert "heavier" not in v.odd_sentence(272, 7, 0, 2.0)
    assert "Chance alone puts up to 2.7 there on average. Even" in v.odd_sentence(272, 2, 0, 2.0)
    assert [v.has_heavy_tails(272, n) for n in (3, 7, 12)] == [False, False, True]
    assert v.odd_heading([], True) == "No row is odd by itself, but many lie far out"
