"""The paragraph to paste into a paper, with the works it cites."""

import numpy as np

from bayesgmm.report.blocks import Reference
from bayesgmm.report.clusters import TAILS
from bayesgmm.report.context import Context
from bayesgmm.report.wording import NBSP, fixed, in_words, joined, percent, percent_range, signed

_WORKS = {
    "Biernacki et al., 2000": Reference(
        "Biernacki C, Celeux G, Govaert G (2000). Assessing a mixture model for clustering with "
        "the integrated completed likelihood. IEEE Trans. Pattern Anal. Mach. Intell. 22, 719–725.",
        "10.1109/34.865189",
    ),
    "Celeux and Govaert, 1995": Reference(
        "Celeux G, Govaert G (1995). Gaussian parsimonious clustering models. Pattern Recognition "
        "28, 781–793.",
        "10.1016/0031-3203(94)00125-6",
    ),
    "Dempster et al., 1977": Reference(
        "Dempster AP, Laird NM, Rubin DB (1977). Maximum likelihood from incomplete data via the "
        "EM algorithm. J. R. Stat. Soc. B 39, 1–38.",
        "10.1111/j.2517-6161.1977.tb01600.x",
    ),
    "Diebolt and Robert, 1994": Reference(
        "Diebolt J, Robert CP (1994). Estimation of finite mixture distributions through Bayesian "
        "sampling. J. R. Stat. Soc. B 56, 363–375.",
        "10.1111/j.2517-6161.1994.tb01985.x",
    ),
    "Hoffman and Gelman, 2014": Reference(
        "Hoffman MD, Gelman A (2014). The No-U-Turn sampler: adaptively setting path lengths in "
        "Hamiltonian Monte Carlo. J. Mach. Learn. Res. 15, 1593–1623.",
    ),
    "Kass and Raftery (1995)": Reference(
        "Kass RE, Raftery AE (1995). Bayes factors. J. Am. Stat. Assoc. 90, 773–795.",
        "10.1080/01621459.1995.10476572",
    ),
    "Papastamoulis and Iliopoulos, 2010": Reference(
        "Papastamoulis P, Iliopoulos G (2010). An artificial allocations based solution to the "
        "label switching problem in Bayesian analysis of mixtures of distributions. J. Comput. "
        "Graph. Stat. 19, 313–331.",
        "10.1198/jcgs.2010.09008",
    ),
    "Schwarz, 1978": Reference(
        "Schwarz G (1978). Estimating the dimension of a model. Ann. Stat. 6, 461–464.",
        "10.1214/aos/1176344136",
    ),
    "Shahbaba et al., 2014": Reference(
        "Shahbaba B, Lan S, Johnson WO, Neal RM (2014). Split Hamiltonian Monte Carlo. Stat. "
        "Comput. 24, 339–349.",
        "10.1007/s11222-012-9373-1",
    ),
    "Tierney, 1994": Reference(
        "Tierney L (1994). Markov chains for exploring posterior distributions. Ann. Stat. 22, "
        "1701–1728.",
        "10.1214/aos/1176325750",
    ),
    "Vehtari et al., 2017": Reference(
        "Vehtari A, Gelman A, Gabry J (2017). Practical Bayesian model evaluation using "
        "leave-one-out cross-validation and WAIC. Stat. Comput. 27, 1413–1432.",
        "10.1007/s11222-016-9696-4",
    ),
    "Vehtari et al., 2021": Reference(
        "Vehtari A, Gelman A, Simpson D, Carpenter B, Bürkner PC (2021). Rank-normalization, "
        "folding, and localization: an improved R-hat. Bayesian Anal. 16, 667–718.",
        "10.1214/20-BA1221",
    ),
    "Vehtari et al., 2024": Reference(
        "Vehtari A, Simpson D, Gelman A, Yao Y, Gabry J (2024). Pareto smoothed importance "
        "sampling. J. Mach. Learn. Res. 25 (72), 1–58.",
    ),
    "Watanabe, 2010": Reference(
        "Watanabe S (2010). Asymptotic equivalence of Bayes cross validation and widely applicable "
        "information criterion in singular learning theory. J. Mach. Learn. Res. 11, 3571–3594.",
    ),
    "Abril-Pla et al., 2023": Reference(
        "Abril-Pla O, Andreani V, Carroll C, et al. (2023). PyMC: a modern, and comprehensive "
        "probabilistic programming framework in Python. PeerJ Comput. Sci. 9, e1516.",
        "10.7717/peerj-cs.1516",
    ),
}


def methods(context: Context) -> str:
    """What was done and found, in the words of a methods section."""
    parts = [_models(context), _em(context), _posterior(context), _choice(context)]
    parts += [_clusters(context), _rows(context)]
    return " ".join(part for part in parts if part)


def references(text: str) -> tuple[Reference, ...]:
    """The works that a text cites, by author."""
    return tuple(work for cite, work in sorted(_WORKS.items()) if cite in text)


def _models(context: Context) -> str:
    evidence, (n, d) = context.evidence, context.X.shape
    tried = evidence.tried
    numbers = str(tried[0]) if len(tried) == 1 else f"{tried[0]} to {tried[-1]}"
    if len(tried) > 2 and tried != tuple(range(tried[0], tried[-1] + 1)):
        numbers = joined(tried)
    families = joined(evidence.families)
    noun = "covariances" if len(evidence.families) == 1 else "covariance families"
    kind = "univariate " if d == 1 else ""
    cite = " (Celeux and Govaert, 1995)" if len(evidence.families) > 1 else ""
    component = "component" if numbers == "1" else "components"
    incomplete = ""
    if context.incomplete:
        left_out = len(context.incomplete)
        were = "was" if left_out == 1 else "were"
        incomplete = (
            f" {left_out} of {n + left_out} observations had missing values and {were} left out."
        )
    return (
        f"We fitted {kind}Gaussian mixtures with {families} {noun}{cite} and "
        f"K{NBSP}={NBSP}{numbers} {component} to {n} observations"
        + (f" of {d} variables ({joined(context.names)})." if d <= 6 else f" of {d} variables.")
        + incomplete
    )


def _em(context: Context) -> str:
    model = context.evidence.chosen
    if model.em is None:
        return ""
    starts = model.em.starts_
    number = f"{starts.n_starts} starts" if starts.n_starts > 1 else "one start"
    return (
        f"Maximum-likelihood estimates were obtained by EM (Dempster et al., 1977) from {number} "
        f"for the chosen model, {starts.n_at_best} of which reached the optimum."
    )


def _posterior(context: Context) -> str:
    bayes = context.evidence.chosen.bayes
    if bayes is None:
        return ""
    chains, draws = (*bayes.mixture_.batch_shape, 1)[:2]
    diagnostics = bayes.diagnostics_
    describe = getattr(bayes.priors_, "describe", None)
    under = ""
    if describe is not None:
        under = ", under the priors " + "; ".join(
            f"{prior} for the {about}" for about, prior, _ in describe()
        )
    # The same numbers as among the checks: of what no labelling changes.
    _, rhat, ess = diagnostics.worst("invariant")
    rhat = f"the largest R-hat was {fixed(rhat, 3)}, " if rhat == rhat else ""
    aligned = ""
    if context.chosen.k > 1:
        aligned = (
            "Labels were aligned to the posterior mode draw by draw, by memberships "
            "(Papastamoulis and Iliopoulos, 2010). "
        )
    in_chains = f"in {chains} {'chain' if chains == 1 else 'chains'} of {draws} draws"
    if diagnostics.importance is not None:
        in_chains = f"in {chains * draws} independent draws"
    with_divergent = ""
    sampler = bayes.posterior_["posterior"].attrs["sampler"]
    if sampler == "nuts":
        # Priors of ours are sampled without PyMC, a user's in a model of PyMC.
        program = "PyMC and nutpie" if describe is None else "nutpie, of the PyMC project"
        sampled = (
            f"with the no-U-turn sampler (Hoffman and Gelman, 2014) {in_chains} with {program} "
            "(Abril-Pla et al., 2023)"
        )
        divergent = int(diagnostics.n_divergences)
        transitions = "transition" if divergent == 1 else "transitions"
        with_divergent = f", with {'no' if divergent == 0 else divergent} divergent {transitions}"
    else:
        sampled = f"{_SAMPLED[sampler]} {in_chains}"
    return (
        f"The posterior was sampled {sampled}{under}. {aligned}"
        f"At K{NBSP}={NBSP}{context.chosen.k} {rhat}the smallest effective sample size was "
        f"{ess:.0f}, over quantities that no labelling changes (Vehtari et al., 2021)"
        f"{with_divergent}."
    )


_SAMPLED = {
    "hmc": "by jumps to draws of a mixture of normals, one at each mode (Tierney, 1994), or by "
    "Hamiltonian moves that follow the normal at the mode exactly (Shahbaba et al., 2014), and by "
    "Gibbs sweeps (Diebolt and Robert, 1994)",
    "gibbs": "by Gibbs sweeps (Diebolt and Robert, 1994)",
    "laplace": "by importance sampling from a mixture of normals, one at each mode, with smoothed "
    "weights (Vehtari et al., 2024),",
    "vi": "by importance sampling from a mixture of normals, at each mode the one nearest to the "
    "posterior, with smoothed weights (Vehtari et al., 2024),",
    "smc": "by sequential Monte Carlo",
}
_CITED = {
    "BIC": "BIC (Schwarz, 1978)",
    "ICL": "ICL (Biernacki et al., 2000)",
    "LOO": "PSIS-LOO (Vehtari et al., 2017)",
    "WAIC": "WAIC (Watanabe, 2010)",
    "AIC": "AIC",
}


def _choice(context: Context) -> str:
    evidence, choice = context.evidence, context.choice
    if choice.uncompared:
        name = _CITED[evidence.criterion.name]
        text = (
            f"{name} could be computed for K{NBSP}={NBSP}{choice.k} only, so it could not choose "
            "the number of components."
        )
        return " ".join([text, *(f"{found}." for found in _others(context))])
    if len(evidence.models) == 1:
        return f"The number of components, {choice.k}, was fixed in advance."
    criterion = evidence.criterion
    ours = f"K{NBSP}={NBSP}{choice.k}"
    if len(evidence.families) > 1:
        ours = f"{ours} ({evidence.family(evidence.chosen)})"
    text = f"The model was chosen by {_CITED[criterion.name]}, which favoured {ours}"
    rival = evidence.rival
    if rival is not None and choice.rival is not None:
        theirs = f"K{NBSP}={NBSP}{rival.n_components}"
        if len(evidence.families) > 1:
            theirs = f"{theirs} ({evidence.family(rival)})"
        margin = choice.rival.margin
        text += f" over {theirs} by {fixed(margin, 2 if margin < 2 else 1)}"
        if choice.rival.se is not None:
            text += f" (SE {fixed(choice.rival.se, 1)})"
        elif criterion.key == "bic":
            text += f", a difference that Kass and Raftery (1995) would call {_grade(margin)}"
    text += "."
    if choice.is_undetermined:
        text += (
            f" With {choice.n_values} values for {choice.n_parameters} parameters "
            "this decides nothing."
        )
    others = _others(context)
    return f"{text} {joined(others)}." if others else text


def _others(context: Context) -> list[str]:
    """What the other criteria favoured."""
    choice = context.choice
    others = [f"{_CITED[name]} favoured K{NBSP}={NBSP}{k}" for name, k in choice.others.items()]
    prediction = choice.heard
    if prediction is not None:
        found = f"{_CITED['LOO']} favoured K{NBSP}={NBSP}{prediction.k}"
        told = []
        if prediction.k != choice.k:
            gap = f"{signed(prediction.difference, 1)} nats, SE {fixed(prediction.se, 1)}"
            told.append(f"elpd {gap}")
        if prediction.caution:
            told.append(prediction.caution)
        if told:
            found += f" ({'; '.join(told)})"
        others.append(found)
    return others


def _grade(margin: float) -> str:
    words = ((2, "barely worth a mention"), (6, "positive"), (10, "strong"))
    return next((word for limit, word in words if margin < limit), "very strong")


def _clusters(context: Context) -> str:
    fitted = context.chosen
    if fitted.k == 1 or fitted.k > 8:
        return ""
    if fitted.draws is None:
        shares = joined(percent(share) for share in fitted.shares)
        return f"The {in_words(fitted.k)} components hold {shares} of the population."
    shares = []
    for k in range(fitted.k):
        draws = fitted.draws.weights[:, k]
        low, high = (float(value) for value in np.quantile(draws, TAILS))
        shares.append(f"{percent(float(fitted.shares[k]))} ({percent_range(low, high)})")
    return (
        f"The {in_words(fitted.k)} components hold {joined(shares)} of the population; intervals "
        f"are 90{NBSP}% equal-tailed."
    )


def _rows(context: Context) -> str:
    fitted = context.chosen
    if fitted.k == 1:
        return ""
    sure = len(fitted.X) - len(fitted.in_doubt)
    which = "a posterior membership" if fitted.draws is not None else "a membership"
    return f"{sure} of {len(fitted.X)} observations had {which} of at least 0.9."
