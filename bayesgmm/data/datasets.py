"""The bundled data sets: small, real (one simulated), each with its source and licence.

To add one: put `tables/<name>.csv` beside the others (numeric columns first, known classes last)
and one `DatasetInfo` here.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.resources import as_file, files
from types import MappingProxyType
from typing import TYPE_CHECKING

from bayesgmm.data.wording import did_you_mean
from bayesgmm.exceptions import DataError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["DATASETS", "DatasetInfo", "load_dataset"]

_FACTS = (
    "measurements published in the article cited (facts, not claimed as anyone's work); "
    "no separate licence is attached to the copy"
)


@dataclass(frozen=True)
class DatasetInfo:
    """What is known about a data set without reading it.

    Attributes
    ----------
    name : str
        What `load_dataset` is asked for.
    title : str
        One line for lists and headings.
    source : str
        Where the numbers were published.
    licence : str
        Terms of the copy that is bundled.
    description : str
        What a row and the columns are, and what is worth knowing about them.
    units : dict of str to str
        Column -> unit, for the columns that have one.
    label : str or None
        Column of known classes, if there is one.
    """

    name: str
    title: str
    source: str
    licence: str
    description: str
    units: dict[str, str] = field(default_factory=dict)
    label: str | None = None


_ALL = (
    DatasetInfo(
        name="faithful",
        title="Eruptions of the Old Faithful geyser",
        source="Azzalini, A. and Bowman, A. W. (1990). A look at some data on the Old Faithful "
        "geyser. Applied Statistics 39, 357-365. doi:10.2307/2347385",
        licence=_FACTS,
        description="272 eruptions: how long each lasted (eruptions) and how long the wait for "
        "the next one was (waiting). Two groups, short and long. Values are rounded: 16 rows "
        "repeat an earlier one, and many share a waiting time.",
        units={"eruptions": "min", "waiting": "min"},
    ),
    DatasetInfo(
        name="galaxies",
        title="Velocities of galaxies in the Corona Borealis region",
        source="Postman, M., Huchra, J. P. and Geller, M. J. (1986). Probes of large-scale "
        "structure in the Corona Borealis region. Astronomical Journal 92, 1238-1247. "
        "doi:10.1086/114257; Roeder, K. (1990). Density estimation with confidence sets "
        "exemplified by superclusters and voids in the galaxies. Journal of the American "
        "Statistical Association 85, 617-624. doi:10.1080/01621459.1990.10474918",
        licence=_FACTS,
        description="Velocities of 82 galaxies moving away from us; groups are superclusters of "
        "galaxies. The 78th value is the correct 26.960: the copy in R's package MASS has 26.690 "
        "there, a slip that much published work on these data carries.",
        units={"velocity": "1000 km/s"},
    ),
    DatasetInfo(
        name="iris",
        title="Anderson's irises",
        source="Anderson, E. (1935). The irises of the Gaspe Peninsula. Bulletin of the American "
        "Iris Society 59, 2-5; Fisher, R. A. (1936). The use of multiple measurements in taxonomic "
        "problems. Annals of Eugenics 7, 179-188. doi:10.1111/j.1469-1809.1936.tb02137.x",
        licence="BSD-3-Clause (scikit-learn's copy)",
        description="Sepals and petals of 50 flowers of each of three species of iris. One species "
        "stands apart; the other two overlap.",
        units=dict.fromkeys(("sepal_length", "sepal_width", "petal_length", "petal_width"), "cm"),
        label="species",
    ),
    DatasetInfo(
        name="penguins",
        title="Penguins of the Palmer Archipelago",
        source="Gorman, K. B., Williams, T. D. and Fraser, W. R. (2014). Ecological sexual "
        "dimorphism and environmental variability within a community of Antarctic penguins (genus "
        "Pygoscelis). PLoS ONE 9(3), e90081. doi:10.1371/journal.pone.0090081; R package "
        "palmerpenguins",
        licence="CC0 1.0 (palmerpenguins)",
        description="Measurements of 342 penguins of three species, with island and sex (the sex "
        "of some is unknown). The two penguins that were not measured are left out.",
        units={
            "bill_length_mm": "mm",
            "bill_depth_mm": "mm",
            "flipper_length_mm": "mm",
            "body_mass_g": "g",
        },
        label="species",
    ),
    DatasetInfo(
        name="wine",
        title="Chemical analysis of wines from three cultivars",
        source="Aeberhard, S. and Forina, M. (1992). Wine. UCI Machine Learning Repository. "
        "doi:10.24432/C5PC7J",
        licence="CC BY 4.0 (UCI Machine Learning Repository)",
        description="13 quantities measured on 178 wines from one region of Italy, made from three "
        "cultivars: many columns for few rows.",
        label="class",
    ),
    DatasetInfo(
        name="enzyme",
        title="Enzyme activity in blood",
        source="Bechtel, Y. C., Bonaiti-Pellie, C., Poisson, N., Magnette, J. and Bechtel, P. R. "
        "(1993). A population and family study of N-acetyltransferase using caffeine urinary "
        "metabolites. Clinical Pharmacology and Therapeutics 54, 134-141.",
        licence=_FACTS,
        description="Activity of an enzyme that clears carcinogens, in 245 unrelated people: slow "
        "and fast metabolisers, the fast much more spread out. Values are rounded, many are equal.",
    ),
    DatasetInfo(
        name="overlap",
        title="Simulated overlapping groups",
        source="Baudry, J.-P., Raftery, A. E., Celeux, G., Lo, K. and Gottardo, R. (2010). "
        "Combining mixture components for clustering. Journal of Computational and Graphical "
        "Statistics 19, 332-353, example 4.1. doi:10.1198/jcgs.2010.08111",
        licence="simulated by the authors of the article cited; no separate licence is attached to "
        "the copy",
        description="600 simulated points in two dimensions whose components overlap: criteria "
        "for density (BIC) and for clusters (ICL) disagree here on their number.",
    ),
)

#: Name -> `DatasetInfo` of every bundled data set.
DATASETS: Mapping[str, DatasetInfo] = MappingProxyType({info.name: info for info in _ALL})


def load_dataset(name: str) -> "pd.DataFrame":
    """Load a bundled data set.

    Parameters
    ----------
    name : str
        One of `DATASETS`.

    Returns
    -------
    pandas.DataFrame
        Numeric columns first, then text; known classes, where there are any, last. ``.attrs`` has
        "name", "title", "source", "licence", "description", "units" (column -> unit) and "label"
        (column of the known classes, or None).

    Raises
    ------
    DataError
        Unknown name.

    Examples
    --------
    >>> faithful = load_dataset("faithful")
    >>> faithful.shape, faithful.attrs["units"]["waiting"]
    ((272, 2), 'min')
    """
    import pandas as pd

    if name not in DATASETS:
        raise DataError(
            f"There is no bundled data set {name!r}{did_you_mean(str(name), DATASETS)}; there are "
            f"{', '.join(DATASETS)}."
        )
    with as_file(files("bayesgmm.data") / "tables" / f"{name}.csv") as path:
        frame = pd.read_csv(path)
    frame.attrs.update(asdict(DATASETS[name]))
    return frame
