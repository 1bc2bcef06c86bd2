"""What EM does between two passes over the data, compiled.

On a few hundred rows a pass takes microseconds, and the interpreter would take a hundred times as
long for the rest.

=================  =======================================================================
module             question
=================  =======================================================================
``task``           what the compiled functions know of a problem
``triangular``     M-step and prior density of full and tied covariances
``diagonal``       M-step and prior density of diagonal and spherical covariances
``coordinates``    mixtures as vectors in which steps can be extrapolated
``weights``        M-step and prior density of the weights
``hyper``          the hyperparameter of a prior on the covariances
``functions``      the functions of a family, by their addresses
``squarem``        which mixture the next pass is for, and when to stop
``passes``         many passes over few rows without leaving compiled code
=================  =======================================================================

A mixture is one flat array: weights (K), means (K, D), whitening factors in the family's native
shape. A problem is four arrays (:mod:`~bayesgmm.em.compiled.task`). Arguments are flat arrays and
not objects because each array inside a compiled object is unpacked at every call, which takes
seconds to compile.
"""
