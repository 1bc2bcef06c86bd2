"""The sections of a report, one module each: context in, blocks out.

A section with nothing to say is None, and drops out.
"""
