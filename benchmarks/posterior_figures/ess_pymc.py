"""Effective draws a second against ``pm.Mixture`` sampled by nutpie.

The textbook model of the same posterior; its chains start at the mode that our fit found, which
spares them the search for it and chains in different modes. On the same processors, both with four
chains and as many threads as nutpie takes by default.
"""

import nutpie

from bayesgmm.core.mixture import Mixture
from em_figures.data import simulate
from em_figures.measuring import Options, shape
from posterior_figures import sampling, textbook
from posterior_figures.problems import Problem
from posterior_figures.sampling import CHAINS, DRAWS, Draws, timed

# N, D, K and the peer's draws a chain: enough for an effective sample size of 100, and, where that
# takes seconds, as many as here, over which its warm-up weighs less.
CASES = [
    ((1_000, 2, 3), 150),
    ((1_000, 2, 3), DRAWS),
    ((10_000, 2, 3), 400),
    ((10_000, 8, 5), 150),
]
QUICK = [((60, 2, 2), 30)]
WARM_UP = 400


def run(options: Options) -> None:
    sampling.heads(
        "ESS per second against pm.Mixture with nutpie",
        f"{CHAINS} chains of {DRAWS} draws here; nutpie's chains start at the mode. Wall times.",
    )
    for (n, d, k), draws in QUICK if options.quick else CASES:
        problem = Problem(simulate(n, d, k), k)
        own, mode = sampling.ours(problem, 100 if options.quick else DRAWS)
        peer = with_nutpie(problem, mode, draws, 50 if options.quick else WARM_UP)
        sampling.compare(shape(n, d, k), problem, peer, own, mode)


def with_nutpie(problem: Problem, mode: Mixture, draws: int, warm_up: int) -> Draws:
    compiling, compiled = timed(
        lambda: textbook.compile_with_nutpie(textbook.build(problem), problem.variables(mode))
    )
    drawing, tree = timed(
        lambda: nutpie.sample(
            compiled, draws=draws, tune=warm_up, chains=CHAINS, seed=0, progress_bar=False
        )
    )
    posterior = tree["posterior"].to_dataset()
    mixture = problem.mixture({name: posterior[name].values for name in problem.variables(mode)})
    return Draws(mixture, drawing, compiling.wall + drawing.wall, warm_up)
