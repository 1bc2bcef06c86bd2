"""Between mixtures in the units of the data and the unconstrained coordinates of the samplers."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bayesgmm.bayes.chains import run_in_threads
from bayesgmm.bayes.log_posterior import (
    LOG_DENSITY,
    LOG_POSTERIOR,
    Sizes,
    log_density,
    log_posterior,
    log_posteriors,
)
from bayesgmm.core.covariance import CovarianceFamily
from bayesgmm.core.kernels.exact import log_likelihood_of
from bayesgmm.core.kernels.pointers import address_of, address_of_log_likelihood, address_of_sums
from bayesgmm.core.mixture import Mixture
from bayesgmm.core.statistics import kernels_of, work_of_a_pass
from bayesgmm.em.problem import Problem
from bayesgmm.priors import ResolvedPriors

# Observed information below this, in coordinates of standardised data, is replaced by it: about
# what the default priors alone supply.
INFORMATION_FLOOR = 0.05
_STEP = 1e-5
# Rows x components x (features^2 + 20) between two looks at the progress bar and the keyboard:
# under a tenth of a second.
BIT = 2e8
# Parts of a batch: more than there are cores, so that none is idle for long.
N_PARTS = 16


@dataclass(frozen=True)
class LogPosterior:
    """The posterior of a mixture, as a density over unconstrained coordinates theta.

    The data are standardised first (spherical family: by one common length), so that theta does not
    depend on their units; see :mod:`bayesgmm.bayes.log_posterior` for what theta is.

    Attributes
    ----------
    problem : Problem
        Data, family and priors; without sample weights.
    n_components : int
    """

    problem: Problem
    n_components: int

    @property
    def family(self) -> CovarianceFamily:
        """The covariance family."""
        return self.problem.family

    @property
    def priors(self) -> ResolvedPriors:
        """The priors, which must be ours."""
        assert self.problem.priors is not None
        return self.problem.priors

    @property
    def sizes(self) -> Sizes:
        """The integers that the compiled functions need; the kernel's address is this process's."""
        family, d = self.family, self.problem.n_features
        hyperprior = self.priors.hyperprior
        return Sizes(
            n_components=self.n_components,
            n_features=d,
            is_triangular=int(family.structure == "triangular"),
            n_factors=1 if family.shared else self.n_components,
            is_isotropic=int(family.isotropic),
            is_conjugate=int(self.priors.scale is None),
            n_hyper=0 if hyperprior is None else np.size(hyperprior.rate),
            is_lkj=int(self.priors.is_lkj),
            n_concentrations=int(self.priors.learns_concentration),
            # The last of a family's kernels is exact everywhere.
            sums=address_of_sums(kernels_of(family, d)[-1]),
            log_likelihood=address_of_log_likelihood(log_likelihood_of(family.structure, d)),
            log_posterior=address_of(log_posterior, LOG_POSTERIOR),
            log_density=address_of(log_density, LOG_DENSITY),
        )

    @cached_property
    def rows(self) -> np.ndarray:
        """The standardised data, float64."""
        centre, scale = self.problem.centre_and_covariance[0], self.problem.scale
        return np.ascontiguousarray((self.problem.X - centre) / scale, dtype=float)

    @cached_property
    def numbers(self) -> np.ndarray:
        """The priors in standardised units, as the compiled functions expect them."""
        priors, d = self.priors, self.problem.n_features
        centre, scale = self.problem.centre_and_covariance[0], self.problem.scale
        spread = np.full(d, priors.strength) if priors.scale is None else priors.scale / scale
        scatter = np.zeros((d, d))
        if priors.scatter.ndim == 2:
            scatter[:] = priors.scatter / np.outer(scale, scale)
        else:
            scatter[0] = priors.scatter / scale**2
        dof = priors.dof
        if priors.eta is not None:
            dof = priors.eta
            scatter[:] = 0.0
            scatter[0] = np.log(priors.sd_median / scale)
        parts = [
            priors.concentration,
            (priors.loc - centre) / scale,
            spread,
            [dof],
            scatter.ravel(),
        ]
        if priors.hyperprior is not None:
            power, precision, rate, centre = priors.hyperprior.in_units(self._hyper_unit)
            parts += [[power + 1.0, precision], np.atleast_1d(rate), np.atleast_1d(centre)]
        if priors.sd_sigma is not None:
            parts.append([0.0, priors.sd_sigma**-2.0])
        if priors.learns_concentration:
            parts.append([priors.concentration_shape, priors.concentration_rate])
        return np.concatenate(parts, dtype=float)

    @property
    def arguments(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Rows, sizes and numbers, as every compiled function of the density takes them."""
        return self.rows, np.asarray(self.sizes, dtype=np.int64), self.numbers

    @property
    def cost(self) -> float:
        """How long a pass over the data takes, in rows x components x (features^2 + 20)."""
        return work_of_a_pass(self.problem.X, self.n_components)

    def length_of_a_bit(self, n_passes: float = 1.0) -> int:
        """How often so many passes can be made between two looks at what the user wants."""
        return max(1, int(BIT / (n_passes * self.cost)))

    @property
    def _hyper_unit(self) -> np.ndarray:
        scale = self.problem.scale
        return scale[0] ** 2 if self.family.isotropic else scale**2

    @property
    def _hyper_units(self) -> np.ndarray:
        scale = np.atleast_1d(self._hyper_unit)[: self.sizes.n_hyper]
        return np.append(scale, np.ones(self.sizes.n_concentrations))

    def value_and_gradient(self, theta: np.ndarray) -> tuple[float, np.ndarray]:
        """The log density at theta, up to a constant, and its gradient."""
        values, slopes = np.empty(1), np.empty((1, len(theta)))
        log_posteriors(np.array([theta], dtype=float), *self.arguments, values, slopes)
        return float(values[0]), slopes[0]

    def values_and_gradients(self, thetas: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The same at each of thetas (n, P): (n,), and (n, P)."""
        values, slopes, arguments = np.empty(len(thetas)), np.empty(thetas.shape), self.arguments

        def evaluate(bit: slice) -> None:
            log_posteriors(thetas[bit], *arguments, values[bit], slopes[bit])

        self.for_each_bit(len(thetas), evaluate)
        return values, slopes

    def for_each_bit(
        self,
        n: int,
        function: Callable[[slice], None],
        label: str = "",
        progressbar: bool = False,
    ) -> None:
        """Call a compiled function with slices of n places, in threads, for a pass a place.

        Raises
        ------
        KeyboardInterrupt
            If the user interrupts.
        """
        length = self.length_of_a_bit()

        def part(places: np.ndarray) -> Iterator[int]:
            for first in range(places[0], places[-1] + 1, length):
                bit = slice(first, min(first + length, places[-1] + 1))
                function(bit)
                yield bit.stop - bit.start

        parts = np.array_split(np.arange(n), min(n, N_PARTS))
        run_in_threads([part(places) for places in parts], n, label, progressbar)

    def pack(self, mixture: Mixture, hyper: np.ndarray | None = None) -> np.ndarray:
        """Coordinates of a mixture (without draws) and of the hyperparameters.

        ``hyper`` holds half the hierarchical scale, then the concentration; the latter may be left
        out, and is then at its prior mean.
        """
        centre, scale = self.problem.centre_and_covariance[0], self.problem.scale
        log_weights = np.log(np.maximum(mixture.weights, 1e-300))
        parts = [log_weights[:-1] - log_weights[-1], ((mixture.means - centre) / scale).ravel()]
        if self.sizes.is_triangular:
            d = self.problem.n_features
            below = np.tril_indices(d, -1)
            for factor in (mixture.whitening * scale).reshape(-1, d, d):
                parts += [np.log(np.diag(factor)), factor[below]]
        else:
            unit = scale[0] if self.family.isotropic else scale
            parts.append(np.log(mixture.whitening * unit).ravel())
        given = np.empty(0) if hyper is None else np.ravel(hyper)
        if self.sizes.n_concentrations and len(given) == self.sizes.n_hyper:
            given = np.append(given, self.priors.concentration[0])
        parts.append(np.log(given / self._hyper_units))
        return np.concatenate(parts)

    def unpack(self, theta: np.ndarray) -> tuple[Mixture, np.ndarray]:
        """Mixtures at theta (..., P), in the units of the data, and the hyperparameters.

        The latter are half the hierarchical scale and then the concentration, (..., n).
        """
        centre, scale = self.problem.centre_and_covariance[0], self.problem.scale
        sizes, batch = self.sizes, theta.shape[:-1]
        k, d = sizes.n_components, sizes.n_features
        log_odds = np.concatenate([theta[..., : k - 1], np.zeros((*batch, 1))], axis=-1)
        odds = np.exp(log_odds - log_odds.max(axis=-1, keepdims=True))
        p = k - 1
        means = theta[..., p : p + k * d].reshape(*batch, k, d) * scale + centre
        p += k * d
        end = p + sizes.n_factors * sizes.factor_length
        lines = theta[..., p:end].reshape(*batch, sizes.n_factors, sizes.factor_length)
        if sizes.is_triangular:
            factors = np.zeros((*batch, sizes.n_factors, d, d))
            diagonal, below = np.arange(d), np.tril_indices(d, -1)
            factors[..., diagonal, diagonal] = np.exp(lines[..., :d])
            factors[..., below[0], below[1]] = lines[..., d:]
            whitening = factors / scale
            if self.family.shared:
                whitening = whitening[..., 0, :, :]
        elif sizes.is_isotropic:
            whitening = np.exp(lines[..., 0]) / scale[0]
        else:
            whitening = np.exp(lines) / scale
        mixture = Mixture(
            odds / odds.sum(axis=-1, keepdims=True), means, whitening, self.family.name
        )
        return mixture, np.exp(theta[..., end:]) * self._hyper_units

    def permute(self, theta: np.ndarray, order: np.ndarray) -> np.ndarray:
        """The places (..., P) at which component ``order[j]`` goes by the name j.

        The map is linear, so offsets are taken to where they lead from there.
        """
        sizes, batch = self.sizes, theta.shape[:-1]
        k = sizes.n_components
        log_odds = np.concatenate([theta[..., : k - 1], np.zeros((*batch, 1))], axis=-1)[..., order]
        parts, first = [log_odds[..., :-1] - log_odds[..., -1:]], k - 1
        n_lengths = [(k, sizes.n_features), (sizes.n_factors, sizes.factor_length)]
        for n, length in n_lengths:
            lines = theta[..., first : first + n * length].reshape(*batch, n, length)
            first += n * length
            own = order if n == k else np.arange(n)
            parts.append(lines[..., own, :].reshape(*batch, -1))
        return np.concatenate([*parts, theta[..., first:]], axis=-1)

    def information(self, theta: np.ndarray) -> np.ndarray:
        """Minus the second derivatives at theta, (P, P), by differences of the gradient."""
        steps = _STEP * np.eye(len(theta))
        _, slopes = self.values_and_gradients(np.concatenate([theta - steps, theta + steps]))
        behind, ahead = np.split(slopes, 2)
        out = (behind - ahead) / (2.0 * _STEP)
        return (out + out.T) / 2.0

    def centre(self, theta: np.ndarray, n_steps: int = 3) -> tuple[np.ndarray, np.ndarray]:
        """The mode in these coordinates near theta, and a basis of the posterior's shape there.

        A few guarded Newton steps, then the observed information. The posterior at
        ``mode + basis z`` is roughly standard normal in z.

        Returns
        -------
        mode : (P,) array
        basis : (P, P) array
            ``basis basis'`` is the inverse information, its eigenvalues floored where the
            information is not positive.
        """
        for i in range(n_steps + 1):
            values, vectors = np.linalg.eigh(self.information(theta))
            values = np.maximum(np.abs(values), INFORMATION_FLOOR)
            if i == n_steps:
                break
            value, slope = self.value_and_gradient(theta)
            step = vectors @ ((vectors.T @ slope) / values)
            length = 1.0
            while length > 1e-3:
                if self.value_and_gradient(theta + length * step)[0] >= value:
                    theta = theta + length * step
                    break
                length /= 2.0
            if np.abs(slope @ step) < 1e-6:
                break  # so short a step does not change the information
        return theta, np.ascontiguousarray(vectors / np.sqrt(values))
