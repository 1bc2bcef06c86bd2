"""Expectation-maximisation: maximum likelihood, or the posterior mode when priors are given.

:mod:`~bayesgmm.em.problem` is what is maximised and one step; :mod:`~bayesgmm.em.loop` repeats it,
by the rules of :mod:`~bayesgmm.em.compiled`; :mod:`~bayesgmm.em.starts` and
:mod:`~bayesgmm.em.moves` propose where to begin;
:mod:`~bayesgmm.em.search` runs many starts and keeps the best that is no spike
(:mod:`~bayesgmm.em.degeneracy`); :mod:`~bayesgmm.em.estimator` is the class users meet.
"""
