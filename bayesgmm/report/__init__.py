"""Reports: one value (`Report`) made of a sweep, rendered as one HTML file or as Markdown.

`evidence`, `clusters` and `estimates` read the numbers, `verdicts` turn them into sentences by
rule, `sections` arrange them as `blocks`, `html` and `markdown` render those; `svg` and `figures`
draw.
"""

from bayesgmm.report.blocks import Report
from bayesgmm.report.content import build_report
from bayesgmm.report.write import write_report

__all__ = ["Report", "build_report", "write_report"]
