"""Labels: draws of a mixture name their components in any order; here they are made to agree.

The posterior is the same for every order of the components, so a sampler may change it from draw to
draw. Constraining the order of the means instead distorts the posterior where components overlap;
draws are therefore relabelled afterwards, by what they say of the memberships of the rows. Three
methods do so (:data:`METHODS`); one is applied, and the share of draws that the others would order
in the same way is a diagnostic.
"""

__all__ = ["METHODS", "Relabelling", "agreement", "overlap", "relabel"]

from bayesgmm.bayes.labels.methods import METHODS
from bayesgmm.bayes.labels.relabelling import Relabelling, agreement, overlap, relabel
