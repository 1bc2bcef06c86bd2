"""What a mixture *is*: its covariance families, its value, and the one pass over the data.

Start with :mod:`~bayesgmm.core.mixture` (the value that every fit returns), then
:mod:`~bayesgmm.core.statistics` (the additive sums that every engine is built on),
:mod:`~bayesgmm.core.covariance` (what a covariance family is) and
:mod:`~bayesgmm.core.kernels` (the compiled loops: arrays in, arrays out).
"""
