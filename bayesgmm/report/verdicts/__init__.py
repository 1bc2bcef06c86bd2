"""Sentences by rule: numbers in, one true sentence out, whatever the data.

`choice` speaks of the number of clusters, `rows` of who belongs where, `trust` of what was checked,
`agreement` of EM against the posterior and of the priors. "Share" is a weight, "centre" a mean,
"spread" a standard deviation, "membership" a responsibility; a row is "in doubt" when no membership
reaches 90 %. Nothing here computes more than a comparison.
"""
