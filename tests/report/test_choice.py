from dataclasses import replace

import pytest

from bayesgmm.report.verdicts import choice as v
from bayesgmm.report.verdicts.choice import Choice, Option, Placement, Prediction

SURE = Placement(272, 1, 0.3)
TWO = Choice(2, (1, 2, 3, 4), "BIC", rival=Option(3, 11.5), others={"ICL": 2})


@pytest.mark.parametrize(
    ("margin", "word"),
    [
        (0.0, "barely"),
        (1.99, "barely"),
        (2.0, "some"),
        (5.99, "some"),
        (6.0, "strong"),
        (9.99, "strong"),
        (10.0, "very strong"),
        (1e9, "very strong"),
    ],
)
def test_grades_of_kass_and_raftery(margin, word):
    assert v.grade(margin) == word


def test_a_margin_of_1_99_on_faithful_is_barely():
    barely = replace(TWO, rival=Option(3, 1.99))
    assert v.preference(barely) == (
        "BIC barely prefers two clusters to three, by 1.99 points (under 2 is barely worth a "
        "mention)."
    )
    assert v.headline(barely, SURE) == "Two clusters, barely preferred to three"


def test_a_large_margin_is_very_strong():
    assert v.preference(TWO) == (
        "BIC prefers two clusters to three, by 11.5 points (over 10 is very strong)."
    )


def test_other_criteria_have_no_scale_of_points():
    icl = replace(TWO, criterion="ICL", rival=Option(3, 1.2))
    assert v.preference(icl) == "ICL barely prefers two clusters to three, by 1.20 points."


def test_a_choice_by_elpd_names_its_error():
    loo = replace(TWO, criterion="leave-one-out prediction", in_nats=True)
    tie = replace(loo, rival=Option(3, 5.4, 4.0))
    clear = replace(loo, rival=Option(3, 50.0, 4.0))
    assert tie.is_close
    assert "5.4 nats (standard error 4.0: too little to call)" in v.preference(tie)
    assert not clear.is_close
    assert v.preference(clear).endswith("by 50.0 nats (standard error 4.0).")


def test_one_number_tried_is_no_choice():
    given = Choice(3, (3,), "BIC", others={"ICL": 3})
    assert v.preference(given).startswith("K = 3 was given")
    assert v.criteria_sentence(given) == ""
    assert v.headline(given, SURE) == (
        "Three clusters, as asked: all but one of the 272 rows placed with confidence"
    )
    assert v.how_many_heading(given).replace("\xa0", " ") == "Only K = 3 was tried"


@pytest.mark.parametrize(
    ("doubt", "wrong", "text"),
    [
        (0, 0.1, "Two clusters, and all 272 rows placed with confidence"),
        (1, 0.3, "Two clusters, and all but one of the 272 rows placed with confidence"),
        (7, 2.0, "Two clusters, and all but seven of the 272 rows placed with confidence"),
        (67, 22.0, "Two clusters that overlap: 25 % of the rows are in doubt"),
        (
            20,
            15.0,
            "Two clusters that overlap: about 15 of 272 rows are expected in the wrong one",
        ),
    ],
)
def test_headline_by_doubt(doubt, wrong, text):
    assert v.headline(TWO, Placement(272, doubt, wrong)).replace("\xa0", " ") == text


def test_headline_withholds_what_a_check_forbids():
    assert v.headline(TWO, SURE, chains_agree=False) == "No answer yet: the chains disagree"
    assert v.headline(TWO, SURE, has_spike=True).startswith("No answer yet: a cluster has shrunk")


def test_headline_tells_that_em_and_posterior_differ():
    other = "but EM and the posterior find different ones"
    assert v.headline(TWO, SURE, differs=True) == f"Two clusters, {other}"
    given = Choice(2, (2,), "BIC")
    assert v.headline(given, SURE, differs=True) == f"Two clusters, as asked, {other}"


def test_headline_of_a_number_that_was_given_has_its_commas():
    assert v.headline(Choice(2, (2,), "BIC"), Placement(100, 30, 9.0)).replace("\xa0", " ") == (
        "Two clusters, as asked, that overlap: 30 % of the rows are in doubt"
    )


def test_headline_of_one_cluster():
    one = Choice(1, (1, 2), "BIC", rival=Option(2, 8.0))
    assert v.headline(one, None).startswith("No groups found")
    close = replace(one, rival=Option(2, 1.0))
    assert v.headline(close, None) == "One group, barely preferred to two"
    assert "no other number was tried" in v.headline(Choice(1, (1,), "BIC"), None)


def test_k_at_the_edge_is_said():
    edge = Choice(4, (1, 2, 3, 4), "BIC", rival=Option(3, 30.0))
    assert v.headline(edge, SURE) == "Four clusters so far: no larger number was tried"
    assert v.edge_sentence(edge).startswith("4 is the largest number tried.")
    assert v.edge_sentence(TWO) == ""


def test_shapes_are_named_where_families_compete():
    tied, full = v.shape_words("tied", 2), v.shape_words("full", 2)
    choice = replace(
        TWO,
        k=3,
        shape=tied,
        rival=Option(4, 5.8, shape=tied),
        other_family=Option(2, 7.9, shape=full),
    )
    assert v.preference(choice) == (
        "BIC prefers three clusters of one shared shape (tied) to four, by 5.8 points "
        "(2 to 6 is some evidence)."
    )
    assert v.family_sentence(choice, 4) == (
        "The best of the other three families, two clusters of free shape (full), is 7.9 points "
        "behind (6 to 10 is strong)."
    )
    same = replace(choice, rival=choice.other_family)
    assert v.preference(same) == (
        "BIC prefers three clusters of one shared shape (tied) to two of free shape (full), by "
        "7.9 points (6 to 10 is strong)."
    )
    assert "None of the other three" in v.family_sentence(same, 4)
    assert v.family_sentence(same, 2) == ""
    assert v.family_sentence(choice, 1) == ""


def test_shapes_of_one_measurement():
    assert v.shape_words("tied", 1) == "one shared spread (tied)"
    assert v.shape_words("full", 1) == "free spread (full)"


def test_criteria_that_agree():
    agree = replace(TWO, prediction=Prediction(2, 0.0, 0.0))
    assert v.criteria_sentence(agree) == (
        "ICL agrees. Leave-one-out prediction is best at the same number."
    )
    assert v.disagreement(agree) is None
    assert v.how_many_heading(agree) == "BIC, ICL and LOO choose two"


def test_loo_that_leans_elsewhere_is_a_tie():
    leans = replace(TWO, prediction=Prediction(4, 5.4, 4.0))
    assert "leans to four, but by only 5.4 nats with a standard error of 4.0" in (
        v.criteria_sentence(leans)
    )
    lead, body = v.disagreement(leans)
    assert lead == "The criteria partly disagree."
    assert body.endswith("(1.4 standard errors): a tie.")
    assert v.how_many_heading(leans) == "BIC and ICL choose two; LOO cannot tell two from four"
    assert Prediction(4, 3.9, 0.1).is_tie
    rough = replace(leans, prediction=Prediction(4, 5.4, 4.0, is_rough=True))
    assert "The chains of that model disagree" in v.criteria_sentence(rough)


def test_loo_that_leans_to_a_model_not_shown_names_it():
    full, tied = v.shape_words("full", 2), v.shape_words("tied", 2)
    shown = replace(TWO, shape=full, prediction=Prediction(4, 3.2, 3.6, full))
    assert "leans to four, but" in v.criteria_sentence(shown)
    assert "highest at four, but" in v.disagreement(shown)[1]
    hidden = replace(shown, prediction=Prediction(4, 3.2, 3.6, full, is_shown=False))
    assert "leans to four of free shape (full), but by only" in v.criteria_sentence(hidden)
    body = v.disagreement(hidden)[1]
    assert "highest at four of free shape (full), but" in body
    assert body.endswith(
        "The table by K shows the family that BIC prefers at four; this fit is in the list of "
        "every fit."
    )
    other = replace(shown, prediction=Prediction(4, 25.0, 3.6, tied))
    assert "better with four of one shared shape (tied), by" in v.disagreement(other)[1]


def test_loo_that_differs_clearly():
    clear = replace(TWO, prediction=Prediction(4, 25.0, 4.0))
    assert "take two to name groups, four to describe the density" in v.criteria_sentence(clear)
    assert "Prediction is better with four" in v.disagreement(clear)[1]
    assert v.how_many_heading(clear) == "BIC and ICL choose two, LOO chooses four"


def test_icl_below_bic_names_the_clusters_that_lie_on_each_other():
    three = replace(TWO, k=3, others={"ICL": 2})
    lead, body = v.disagreement(three, (1, 2))
    assert lead == "The criteria disagree."
    assert "two separate groups: some components lie on each other (clusters 2 and 3 most)" in body
    assert "ICL prefers two, because it charges for overlap." in v.criteria_sentence(three)


def test_icl_above_bic():
    _, body = v.disagreement(replace(TWO, others={"ICL": 3}))
    assert body == "ICL prefers three, although it charges for overlap."


ALONE = Choice(
    1,
    (1, 2, 3),
    "BIC",
    prediction=Prediction(3, 3830.9, 108.4),
    uncompared={2: "collapsed", 3: "collapsed"},
)


def test_a_criterion_that_is_known_for_one_number_only_answers_nothing():
    assert v.headline(ALONE, None) == (
        "EM could not compare: the fits of two and three clusters collapsed"
    )
    assert v.preference(ALONE) == (
        "BIC is known for one cluster only: the fits of two and three clusters collapsed."
    )
    assert v.criteria_sentence(ALONE) == (
        "Leave-one-out prediction is better with three, by 3830.9 nats with a standard error of "
        "108.4."
    )
    assert v.how_many_heading(ALONE) == "BIC is known for one only, LOO chooses three"
    lead, advice = v.disagreement(ALONE)
    assert lead == "BIC compared nothing."
    assert advice.endswith("or choose by leave-one-out (--criterion loo).")


def test_so_where_the_other_numbers_have_no_fit_at_all():
    alone = Choice(2, (2,), "BIC", uncompared={1: "failed"})
    assert v.headline(alone, SURE) == "EM could not compare: the fits of one cluster failed"
    assert "no other number was tried" not in v.preference(alone)
    assert v.how_many_heading(alone) == "BIC is known for two only"
    assert v.disagreement(alone) is not None


def test_so_by_a_criterion_of_posteriors():
    happened = {2: "failed", 3: "failed", 4: "failed", 6: "gave no LOO"}
    alone = replace(
        ALONE,
        criterion="leave-one-out prediction",
        in_nats=True,
        prediction=None,
        uncompared=happened,
    )
    assert v.headline(alone, None) == (
        "Sampling could not compare: the posteriors of two to four clusters failed and those of "
        "six clusters gave no LOO"
    )
    assert v.disagreement(alone)[1] == "Try another covariance family."


@pytest.mark.parametrize(
    ("prediction", "heard"),
    [
        (Prediction(3, 3830.9, 108.4), True),
        (Prediction(3, 3830.9, 108.4, is_rough=True), False),
        (Prediction(3, 30.0, 10.0), False),
        (Prediction(3, 3.9, 0.1), False),
        (Prediction(1, 0.0, 0.0), False),
    ],
)
def test_leave_one_out_that_contradicts_beyond_doubt_is_in_the_headline(prediction, heard):
    one = Choice(1, (1, 2, 3), "BIC", rival=Option(2, 80.0), prediction=prediction)
    told = "One group by BIC, but three predict new rows better"
    assert (v.headline(one, None) == told) is heard
    assert v.headline(one, None).startswith("No groups found") is not heard


def test_so_for_several_clusters():
    four = replace(TWO, prediction=Prediction(4, 90.0, 10.0))
    assert v.headline(four, SURE) == "Two clusters by BIC, but four predict new rows better"
    one = replace(TWO, prediction=Prediction(1, 90.0, 10.0))
    assert v.headline(one, SURE) == "Two clusters by BIC, but one predicts new rows better"


def test_columns_that_are_skewed_are_named():
    assert v.skew_sentence(3, ["income"]) == (
        "Column income is positive and strongly skewed: some components may describe that rather "
        "than groups. The logarithm may need fewer."
    )
    assert "Columns income and price are positive" in v.skew_sentence(3, ["income", "price"])
    assert v.skew_sentence(3, []) == ""
    assert v.skew_sentence(1, ["income"]) == ""


def test_few_values_for_many_parameters_decide_nothing():
    few = replace(TWO, n_parameters=11, n_values=10)
    headline = v.headline(few, Placement(5, 3, 1.0))
    assert headline == "Nothing is decided: ten values for a model of eleven parameters"
    assert v.preference(few).endswith(
        "With 10 values for 11 parameters that decides nothing: take fewer clusters, a "
        "simpler shape or more rows."
    )
    enough = replace(few, n_values=22)
    assert v.headline(enough, SURE) == v.headline(TWO, SURE)
    assert v.preference(enough) == v.preference(TWO)


def test_clusters_without_rows_are_in_the_headline():
    assert v.headline(TWO, replace(SURE, empty=(2,))).endswith("; cluster 3 holds no row")
    assert v.headline(TWO, replace(SURE, empty=(0, 2))).endswith("; clusters 1 and 3 hold no row")


def test_leave_one_out_with_a_flaw_is_no_argument():
    flaw = v.k_hat_words(2, 1.08, 0.7)
    for k in (2, 4):
        flawed = replace(TWO, prediction=Prediction(k, 90.0, 10.0, flaw=flaw))
        assert v.criteria_sentence(flawed) == (
            "ICL agrees. Leave-one-out prediction does not count here: k-hat is over 0.70 for two "
            "rows, up to 1.08."
        )
        assert v.headline(flawed, SURE) == v.headline(TWO, SURE)
        assert v.how_many_heading(flawed) == "BIC and ICL choose two"
        assert v.disagreement(flawed) is None
    alone = replace(ALONE, prediction=replace(ALONE.prediction, flaw=flaw))
    assert "choose by leave-one-out" not in v.disagreement(alone)[1]


def test_leave_one_out_with_few_high_k_hats_is_rough_and_not_in_the_headline():
    caution = v.k_hat_words(1, 0.72, 0.7)
    rough = replace(TWO, prediction=Prediction(4, 90.0, 10.0, caution=caution))
    assert v.criteria_sentence(rough).endswith(
        "to describe the density. Read this as rough: k-hat is over 0.70 for one row, up to 0.72."
    )
    assert v.headline(rough, SURE) == v.headline(TWO, SURE)
    assert "density. Read this as rough: k-hat" in v.disagreement(rough)[1]
    disagree = replace(rough, prediction=replace(rough.prediction, is_rough=True))
    assert v.criteria_sentence(disagree).count("rough") == 1
    same = replace(TWO, prediction=Prediction(2, 0.0, 0.0, caution=caution))
    assert "at the same number. Read this as rough" in v.criteria_sentence(same)
    tie = replace(TWO, prediction=Prediction(4, 5.0, 10.0, caution=caution))
    assert "rough" not in v.criteria_sentence(tie)


def test_a_choice_by_a_posterior_that_has_shrunk_is_no_answer():
    loo = replace(TWO, criterion="leave-one-out prediction", in_nats=True, rival=Option(3, 90.0, 4))
    flat = replace(loo, flaw=v.flat_flaw(["level"], 2))
    assert v.headline(flat, SURE) == (
        "No answer yet: with two, level does not vary in a cluster, and only the priors bound the "
        "density there"
    )
    rough = replace(loo, caution=v.k_hat_words(1, 0.72, 0.7))
    assert v.preference(rough).endswith(
        "Read it as rough: k-hat is over 0.70 for one row, up to 0.72."
    )


def test_families_that_collapsed_are_told_and_not_beaten():
    tied, full = v.shape_words("tied", 2), v.shape_words("full", 2)
    choice = replace(
        TWO,
        shape=tied,
        rival=Option(3, 17.9, shape=tied),
        other_family=Option(4, 276.2, shape=full),
        collapsed={"full": (2, 3), "diag": (2, 3), "spherical": (3,)},
    )
    assert v.family_sentence(choice, 4) == (
        "The EM fits of full and diag with two and three clusters and spherical with three "
        "clusters collapsed onto a few rows and are left out of BIC. Of the fits of other families "
        "that did not collapse the best, four clusters of free shape (full), is 276.2 points "
        "behind (over 10 is very strong)."
    )
    flat = replace(choice, flat=("level",), other_family=None)
    assert "collapsed onto rows in which level does not vary and" in v.family_sentence(flat, 4)
    nearest = replace(choice, rival=choice.other_family)
    assert "No fit of another family that did not collapse comes" in v.family_sentence(nearest, 4)
    alone = replace(choice, collapsed={"full": (3,)}, other_family=None)
    assert v.family_sentence(alone, 1).startswith("The EM fits of three clusters collapsed")
