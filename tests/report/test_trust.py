import dataclasses
import math

import pytest

from bayesgmm.report.verdicts import agreement, trust


@pytest.mark.parametrize(
    ("n_starts", "at_best", "k", "level"),
    [(20, 20, 2, "pass"), (41, 10, 3, "note"), (20, 10, 3, "pass"), (1, 1, 3, "note")],
)
def test_starts(n_starts, at_best, k, level):
    assert trust.starts_check(n_starts, at_best, k).level == level


def test_one_component_has_one_optimum():
    assert trust.starts_check(1, 1, 1).level == "pass"


def test_few_starts_at_the_rival_weaken_the_margin():
    text = trust.rival_starts_sentence(3, 1, 24).replace("\xa0", " ")
    assert text.startswith("The optimum at K = 3 was reached by 1 of 24 starts")
    assert trust.rival_starts_sentence(3, 10, 41) == ""
    assert trust.rival_starts_sentence(1, 1, 1) == ""


def test_spikes():
    assert trust.spike_check(0.22, 90.0, 2, 0, False).level == "pass"
    avoided = trust.spike_check(0.22, 90.0, 2, 1, False)
    assert avoided.level == "note"
    assert avoided.means.startswith("One EM start collapsed")
    assert trust.spike_check(0.22, 90.0, 2, 3, False).means.startswith("3 EM starts collapsed")
    assert trust.spike_check(0.009, 2.9, 2, 3, True).level == "fail"


def test_rhat():
    good = trust.rhat_check(1.003, "log likelihood", 4)
    assert (good.level, good.means) == ("pass", "Four chains tell the same story.")
    bad = trust.rhat_check(1.013, "log likelihood", 4)
    assert (bad.level, bad.found) == ("fail", "1.013 at worst")
    assert bad.means == ("R-hat is 1.013 for the log likelihood. Run longer (--draws) or lower K.")
    assert trust.rhat_check(math.nan, "", 1).level == "note"
    assert trust.chains_agree(math.nan)
    assert not trust.chains_agree(1.0101)


def test_chains_in_modes_fail_and_are_weighed():
    check = trust.rhat_check(1.3, "log likelihood", 4, [(3, 0.973), (1, 0.027)])
    assert check.level == "fail"
    assert check.means == (
        "R-hat is 1.300 for the log likelihood. The chains sit in two modes and do not move "
        "between them: 3 chains in one (weight 0.97) and 1 chain in one (weight 0.03), weighed by "
        "stacking. All numbers here weigh the chains alike. Lower K, or run more chains."
    )
    assert trust.rhat_check(1.001, "log likelihood", 4, [(2, 0.5), (2, 0.5)]).level == "fail"
    assert trust.rhat_check(1.001, "log likelihood", 4, [(4, 1.0)]).level == "pass"


def test_clusters_that_overlap_are_named():
    apart = trust.separation_check(3, [], False, 4, 100)
    assert (apart.level, apart.found) == ("pass", "3 of 3")
    assert apart.means.endswith("Each can be read by itself.")
    check = trust.separation_check(5, [(0, 2), (1, 3)], False, 4, 100)
    assert (check.level, check.found) == ("note", "1 of 5")
    assert check.means == (
        "Clusters 1 and 3 overlap; clusters 2 and 4 overlap. Read the numbers of such clusters "
        "jointly."
    )


def test_clusters_that_are_apart_but_rough_are_not_to_be_read_by_themselves():
    rough = trust.separation_check(3, [], True, 4, 100)
    assert rough.means.endswith("Their numbers are rough all the same.")
    doubt = trust.separation_check(3, [], False, 11, 100)
    assert doubt.level == "note"
    assert "draws differ in where rows belong: 11 of 100 are in doubt" in doubt.means
    assert "by itself" not in rough.means + doubt.means


@pytest.mark.parametrize(
    ("rhat", "ess", "agreement", "rough"),
    [
        (1.002, 800.0, 1.0, False),
        (math.nan, 800.0, 1.0, False),
        (1.02, 800.0, 1.0, True),
        (1.002, 399.0, 1.0, True),
        (1.002, 800.0, 0.89, True),
    ],
)
def test_numbers_by_cluster_are_rough(rhat, ess, agreement, rough):
    assert trust.is_rough(rhat, ess, 4, agreement) is rough


def test_unstable_clusters_are_a_note():
    assert trust.stability_check(1.002, "a share", True, 800.0, 4).level == "pass"
    found = trust.stability_check(1.05, "a centre in waiting", True, 800.0, 4)
    assert found.level == "note"
    assert found.means.startswith("The fit is stable but its clusters are not")
    assert trust.stability_check(1.05, "a share", False, 80.0, 4).means.startswith(
        "Clusters are not"
    )
    assert trust.stability_check(math.nan, "a share", True, 800.0, 1).level == "note"
    few = trust.stability_check(1.002, "a share", True, 399.0, 4)
    assert few.level == "note"
    assert few.means.startswith("Numbers by cluster rest on only 399 independent draws")


@pytest.mark.parametrize(("ess", "level"), [(1800, "pass"), (399, "note"), (99, "fail")])
def test_ess(ess, level):
    assert trust.ess_check(ess, 4000, 4).level == level


@pytest.mark.parametrize(("n", "level"), [(0, "pass"), (1, "note"), (3, "note"), (4, "fail")])
def test_divergences(n, level):
    check = trust.divergence_check(n, 4000)
    assert check.level == level
    assert ("matter little" in check.means) == (level == "note")


def switching(
    switched=0.42, agree=True, rough=False, agreement=1.0, overlap=False, loo_holds=False
):
    check = trust.switching_check(switched, agree, rough, agreement, overlap, loo_holds)
    return dataclasses.replace(check, means=check.means.replace("\xa0", " "))


def test_switching_that_is_undone_is_harmless():
    assert switching(0.0).level == "pass"
    unsure = switching(0.0, rough=True, agreement=0.5)
    assert unsure.means == (
        "Methods of naming clusters agree on only 50 % of draws. Read numbers by cluster as rough."
    )
    undone = switching()
    assert undone.level == "pass"
    assert undone.means == (
        "As sampled, labels switch in 42 % of draws; that is undone here, and methods of undoing "
        "it agree on 100 % of them."
    )


def test_switching():
    stable = switching(rough=True)
    assert stable.level == "note"
    assert stable.means.startswith("The fit is stable but the names are not: labels switch in 42")
    assert "Densities hold; read numbers by cluster as rough" in stable.means
    assert "Densities and LOO hold; read" in switching(rough=True, loo_holds=True).means
    unsettled = switching(agree=False, rough=True, loo_holds=True).means
    assert unsettled.startswith("Labels switch in 42")
    assert "hold" not in unsettled
    assert "methods of undoing it agree on 50 % of them. Dens" in (
        switching(rough=True, agreement=0.5).means
    )
    overlap = switching(overlap=True)
    assert overlap.level == "note"
    assert overlap.means == (
        "Labels switch in 42 % of draws, because clusters overlap. Densities hold; read the "
        "numbers of those jointly."
    )


def test_loo_names_its_rows():
    assert trust.loo_check(0.27, 0.7, []).level == "pass"
    check = trust.loo_check(0.83, 0.7, [12, 4])
    assert check.means.startswith("LOO leans on rows 12 and 4 (k-hat up to 0.83)")


def test_waic_never_fails():
    assert trust.waic_check(0, -1141.7, -1141.7).level == "pass"
    check = trust.waic_check(3, -1141.7, -1141.9)
    assert check.level == "note"
    assert check.means == (
        "WAIC is shaky for 3 rows. Read LOO instead: elpd is −1141.7 by WAIC, −1141.9 by LOO."
    )


def test_convergence():
    assert trust.convergence_check(True, 58).level == "pass"
    assert trust.convergence_check(False, 1).found == "no, after 1 pass"


def test_checks_in_one_line():
    good = trust.convergence_check(True, 5)
    note = trust.waic_check(3, None, None)
    bad = trust.convergence_check(False, 5)
    assert trust.checks_heading([good, good]) == "All 2 checks pass"
    assert trust.checks_heading([good, note]) == "1 of 2 checks passes; one carries a note"
    assert trust.checks_heading([good, good, note, note, bad]) == (
        "2 of 5 checks pass; one fails, two carry a note"
    )
    assert trust.checks_fact([good, note]) == ("1 of 2 pass", "none fails; 1 note")
    assert trust.checks_fact([bad, bad]) == ("0 of 2 pass", "two fail")


@pytest.mark.parametrize(
    ("shift", "text"),
    [
        (0.2, "EM and the posterior agree"),
        (-0.58, "EM and the posterior differ a little"),
        (2.0, "EM and the posterior differ a little"),
        (-3.9, "EM and the posterior differ"),
    ],
)
def test_shift_heading(shift, text):
    assert agreement.shift_heading(shift) == text


def test_shift_sentence():
    text = agreement.shift_sentence("the spread of x in cluster 1", "0.263", "0.275", -0.58, 0, 12)
    assert text.startswith(
        "The largest gap is in the spread of x in cluster 1: EM gives 0.263, the posterior mean is "
        "0.275, a shift of −0.58 posterior sd."
    )
    several = agreement.shift_sentence("the share of cluster 1", "1", "2", -1.5, 3, 12)
    assert "three of 12 estimates shift by more than one sd" in several
    small = agreement.shift_sentence("the share of cluster 1", "1", "2", 0.1, 0, 12)
    assert small.startswith("No estimate differs by as much as a quarter")


def agrees(shift=0.3, pull=0.1, sure_by_one=(0, 0), mean=-106.0, pulled="the spread of x"):
    what = "the share of cluster 1"
    different = agreement.other_fit(what, shift, -100.0, mean)
    return agreement.agreement_check((what, shift), (pulled, pull), sure_by_one, 300, different)


@pytest.mark.parametrize(
    ("shift", "mean", "words"),
    [
        (-5.1, -106.0, "the share of cluster 1 shifts by \N{MINUS SIGN}5.1 posterior sd"),
        (0.3, -99.0, "\N{MINUS SIGN}99.0 nats on average against \N{MINUS SIGN}100.0"),
    ],
)
def test_em_and_posterior_that_are_different_fits_fail(shift, mean, words):
    check = agrees(shift, mean=mean)
    assert check.level == "fail"
    assert words in check.means
    assert "the clusters here" in check.means


@pytest.mark.parametrize("shift", [0.3, -1.9])
def test_em_and_posterior_agree_up_to_two_sds(shift):
    check = agrees(shift, pull=shift)
    assert (check.level, check.means) == ("pass", "Both describe the same fit.")
    assert "decide" not in agreement.prior_sentence("the spread of x", shift)


def test_priors_that_decide_a_number_are_told_beside_the_agreement():
    moved = agrees(-4.9)
    assert moved.level == "note"
    assert moved.means == (
        "The same clusters, but the share of cluster 1 moves by +4.90 posterior sd from EM to the "
        "mean."
    )
    pulled = agrees(0.5, pull=2.1)
    assert pulled.level == "note"
    assert pulled.found == "0.50 sd apart at worst, 2.10 from EM to MAP"
    assert "the priors decide the spread of x: it moves by +2.10" in pulled.means
    both = agrees(-3.7, pull=3.8, pulled="the share of cluster 1")
    assert both.means.endswith(
        "the priors decide the share of cluster 1: it moves by +3.80 posterior sd from EM to MAP, "
        "by +3.70 to the mean."
    )


def test_rows_that_only_one_is_sure_of_are_no_agreement():
    assert agrees(sure_by_one=(30, 30)).level == "pass"
    check = agrees(sure_by_one=(94, 3))
    assert check.level == "note"
    assert check.means == (
        "The estimates agree, the memberships do not. EM is sure of 94 of 300 rows that are in "
        "doubt under the posterior."
    )
    assert "The posterior is sure of 94 of 300 rows that are in doubt by EM." in (
        agrees(3.0, sure_by_one=(0, 94)).means
    )


def test_rows_that_em_puts_elsewhere_are_told_where_they_are_many():
    assert agreement.moved_sentence(0.05) == ""
    assert "31\u00a0% of the rows" in agreement.moved_sentence(0.31)


def test_pull_of_the_priors():
    assert "negligible" in agreement.prior_sentence("the share of cluster 1", 0.2)
    assert "mild" in agreement.prior_sentence("the share of cluster 1", -0.6)
    decides = agreement.prior_sentence("the spread of x in cluster 2", 2.9)
    assert decides.startswith("The priors decide the spread of x in cluster 2")
    assert agreement.prior_heading(0.1) == "The priors hardly move the fit"
    assert agreement.prior_heading(-0.5) == "The priors move the fit a little"
    assert agreement.prior_heading(-2.0) == "The priors move the fit"
    assert agreement.prior_sentence("the spread of x", -2.0).startswith("The priors move the")
    assert agreement.prior_heading(-2.1) == "The priors decide part of the fit"
    assert agreement.prior_heading(None).startswith("Priors")
