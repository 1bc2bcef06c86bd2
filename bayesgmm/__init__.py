"""bayesgmm."""
