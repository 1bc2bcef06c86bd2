"""The posterior of a mixture: PyMC distribution and model, samplers, labels, diagnostics.

:mod:`~bayesgmm.bayes.estimator` is the class users meet. With priors of ours it samples the
compiled density of :mod:`~bayesgmm.bayes.log_posterior` (coordinates and preconditioning in
:mod:`~bayesgmm.bayes.coordinates`, the default sampler in :mod:`~bayesgmm.bayes.hmc`); with your
own priors the PyMC model of :mod:`~bayesgmm.bayes.model`, by NUTS. Draws are then relabelled
(:mod:`~bayesgmm.bayes.labels`), judged (:mod:`~bayesgmm.bayes.diagnostics`) and put into a
``DataTree`` (:mod:`~bayesgmm.bayes.tree`). :mod:`~bayesgmm.bayes.distribution` is of use in any
PyMC model.
"""
