"""Temporary simple version."""
import math
import numpy as np
from numba import njit

@njit(cache=True, nogil=True)
def log_joint(X, log_weights, means, factors):
    n, d = X.shape; k = log_weights.shape[0]
    out = np.empty((n, k))
    for j in range(k):
        c = log_weights[j] - 0.5 * d * math.log(2 * math.pi)
        for i in range(d): c += math.log(factors[j, i, i])
        for r in range(n):
            q = 0.0
            for i in range(d):
                y = 0.0
                for l in range(i + 1): y += factors[j, i, l] * (X[r, l] - means[j, l])
                q += y * y
            out[r, j] = c - 0.5 * q
    return out

@njit(cache=True, nogil=True)
def log_density(X, log_weights, means, factors):
    lj = log_joint(X, log_weights, means, factors)
    out = np.empty(X.shape[0])
    for r in range(X.shape[0]):
        m = lj[r].max(); out[r] = m + math.log(np.exp(lj[r] - m).sum())
    return out

@njit(cache=True, nogil=True)
def statistics(X, sample_weight, log_weights, means, factors):
    lj = log_joint(X, log_weights, means, factors)
    n, d = X.shape; k = log_weights.shape[0]
    ll = 0.0; counts = np.zeros(k); first = np.zeros((k, d)); second = np.zeros((k, d, d)); y = np.empty(d)
    for r in range(n):
        w = 1.0 if sample_weight.shape[0] == 0 else sample_weight[r]
        m = lj[r].max(); lse = m + math.log(np.exp(lj[r] - m).sum()); ll += w * lse
        for j in range(k):
            p = w * math.exp(lj[r, j] - lse)
            for i in range(d):
                y[i] = 0.0
                for l in range(i + 1): y[i] += factors[j, i, l] * (X[r, l] - means[j, l])
            counts[j] += p
            for i in range(d):
                first[j, i] += p * y[i]
                for l in range(d): second[j, i, l] += p * y[i] * y[l]
    return ll, counts, first, second
