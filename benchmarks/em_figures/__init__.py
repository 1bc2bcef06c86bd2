"""The figures of EM, one module each; ``benchmarks/em.py`` prints them."""
