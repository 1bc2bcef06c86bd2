"""The compiled loops over the data: arrays in, arrays out, no objects.

Numba is imported with the modules of this folder, so import them where they are first needed.
"""
