"""Tables in.

Everything that enters the package passes here once: `as_data` makes of an array, a list or a
frame one plain array of finite numbers with its column names (or one sentence saying which value
stands in the way), `as_sample_weight` and `check_features` do the same for weights and for new
rows, and `check_not_degenerate` names the columns on which no covariance could be regular.
`read_table` and `numeric_columns` bring in files; `load_dataset` has the bundled data sets.
Nothing here knows what a mixture is.
"""

from bayesgmm.data.datasets import DATASETS, DatasetInfo, load_dataset
from bayesgmm.data.sources import NumericColumns, numeric_columns, read_table
from bayesgmm.data.validate import (
    Data,
    as_data,
    as_sample_weight,
    check_distinct_rows,
    check_enough_rows,
    check_features,
    check_not_degenerate,
)

__all__ = [
    "DATASETS",
    "Data",
    "DatasetInfo",
    "NumericColumns",
    "as_data",
    "as_sample_weight",
    "check_distinct_rows",
    "check_enough_rows",
    "check_features",
    "check_not_degenerate",
    "load_dataset",
    "numeric_columns",
    "read_table",
]
