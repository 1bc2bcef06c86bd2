"""The figures of the posterior, one module each; ``benchmarks/posterior.py`` prints them."""
