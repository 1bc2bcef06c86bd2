"""Chains that jump to draws of normal approximations, with a Gibbs sweep now and then, compiled.

Where the posterior is near normal in the coordinates of :mod:`~bayesgmm.bayes.complete_data`, a
draw of that normal is as good a next state as any: an independent draw, taken or not by the rule of
Metropolis and Hastings (Tierney, 1994, doi:10.1214/aos/1176325750). With a normal for each mode,
chains jump from mode to mode as well. A jump costs a pass over the data without sums or gradient.

The sweeps (:mod:`~bayesgmm.bayes.conditionals`) bring a chain back from where the normals hardly
come.
"""

import numpy as np

from bayesgmm.bayes import conditionals, log_posterior, proposals
from bayesgmm.bayes.conditionals import sweep_at
from bayesgmm.bayes.log_posterior import log_density_at
from bayesgmm.bayes.proposals import log_probability, pick, propose
from bayesgmm.core.kernels.compiling import KERNEL_SOURCES, Compiler
from bayesgmm.core.kernels.random_stream import normal, uniform

_SOURCES = conditionals.__file__, log_posterior.__file__, *proposals.SOURCES
njit = Compiler(*KERNEL_SOURCES, *_SOURCES, __file__).njit


@njit(error_model="numpy")
def run(
    addresses,
    theta,
    proposal,
    X,
    sizes,
    numbers,
    stream,
    n_jumps,
    sweep_every,
    thin,
    first,
    draws,
    lp,
    acceptance,
):
    """Write down the states of a chain.

    Parameters
    ----------
    addresses : in, of :func:`bayesgmm.bayes.conditionals.addresses_of`
    theta : (P,) in and out
    proposal : Proposal
    X, sizes, numbers : in, as in :func:`~bayesgmm.bayes.log_posterior.log_posterior`
    stream : (1,) in and out, uint64
    n_jumps : int
        Jumps in a cycle.
    sweep_every : int
        A sweep comes before the jumps of the first of so many cycles.
    thin : int
        Cycles for each draw.
    first : int
        Cycles that the chain has behind it.
    draws : (n, P) out
    lp : (n,) out
        The log posterior density, as ``log_posterior`` has it.
    acceptance : (n,) out
        The mean probability with which a draw's jumps were taken.
    """
    n = theta.shape[0]
    z, there = np.empty(n), np.empty(n)
    sweep, log_density = sweep_at(addresses[0]), log_density_at(sizes[12])
    value = log_density(theta, X, sizes, numbers)
    weight = value - log_probability(theta, proposal, sizes)
    for i in range(draws.shape[0]):
        probability = 0.0
        for cycle in range(first + i * thin, first + (i + 1) * thin):
            if cycle % sweep_every == 0:
                sweep(addresses, theta, X, sizes, numbers, stream)
                value = log_density(theta, X, sizes, numbers)
                weight = value - log_probability(theta, proposal, sizes)
            for _ in range(n_jumps):
                for j in range(n):
                    z[j] = normal(stream)
                log_q = propose(z, pick(proposal, stream), proposal, sizes, there)
                if not np.isfinite(log_q):
                    continue
                new_value = log_density(there, X, sizes, numbers)
                new_weight = new_value - log_q
                if np.isfinite(new_weight):
                    probability += np.exp(min(new_weight - weight, 0.0))
                    if np.log(uniform(stream)) < new_weight - weight:
                        value, weight = new_value, new_weight
                        for j in range(n):
                            theta[j] = there[j]
        lp[i] = value
        acceptance[i] = probability / (thin * n_jumps)
        # Last, as a draw counts as made once it is there.
        for j in range(n):
            draws[i, j] = theta[j]
