"""Choosing among mixtures, and comparing the ways of fitting one.

:func:`~bayesgmm.selection.sweep.select_components` fits a range of components, covariance families
and engines and puts their criteria into one table;
:func:`~bayesgmm.selection.estimates.compare_estimates` sets one EM fit beside one posterior.
"""
