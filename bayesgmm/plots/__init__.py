"""Pictures of fits and of comparisons.

Every function takes a result first and an optional ``ax``, draws on those Axes (or on a new
figure), and returns them; the two with several panels return the Figure. A fit is anything with a
``mixture_``, by EM or with posterior draws, or a `Mixture` itself: without draws a picture has
lines, with draws it also has the spread of the draws. Nothing is estimated here.

Where to go next: `style` has the palette, the shapes and what they are chosen for, `scene` what a
plot is given, `geometry` everything that is computed. No colour is the only carrier of anything,
and ``ax.get_label()`` is a sentence that says what is drawn.
"""

from bayesgmm.plots.anomalies import plot_anomalies as plot_anomalies
from bayesgmm.plots.chains import plot_chains as plot_chains
from bayesgmm.plots.chains import plot_trace as plot_trace
from bayesgmm.plots.clusters import plot_clusters as plot_clusters
from bayesgmm.plots.criteria import plot_criteria as plot_criteria
from bayesgmm.plots.criteria import plot_criteria_panel as plot_criteria_panel
from bayesgmm.plots.density import plot_density as plot_density
from bayesgmm.plots.density_1d import plot_density_1d as plot_density_1d
from bayesgmm.plots.differences import plot_loo_differences as plot_loo_differences
from bayesgmm.plots.estimates import plot_estimates as plot_estimates
from bayesgmm.plots.membership import plot_membership as plot_membership
from bayesgmm.plots.optima import plot_optima as plot_optima
from bayesgmm.plots.pairs import plot_pairs as plot_pairs
from bayesgmm.plots.style import DARK as DARK
from bayesgmm.plots.style import LIGHT as LIGHT
from bayesgmm.plots.style import Palette as Palette
from bayesgmm.plots.style import use_palette as use_palette
