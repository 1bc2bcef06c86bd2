"""The picture, at every K that was tried."""

from bayesgmm.report import figures
from bayesgmm.report.blocks import Section
from bayesgmm.report.context import Context
from bayesgmm.report.verdicts.choice import Placement
from bayesgmm.report.verdicts.rows import picture_heading


def picture(context: Context) -> Section:
    """Rows, ellipses and posterior, one K at a time."""
    fitted = context.chosen
    placement = context.placement or Placement(len(context.X), 0, 0.0)
    heading = picture_heading(fitted.k, placement, context.X.shape[1])
    return Section("picture", "Picture", "The picture", heading, (figures.picture(context),))
