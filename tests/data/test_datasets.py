import re

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris, load_wine

from bayesgmm.data import DATASETS, as_data, load_dataset, numeric_columns
from bayesgmm.exceptions import DataError

# Rows, numeric columns, and sums of the numeric columns computed from independent copies.
KNOWN = {
    "faithful": (272, 2),
    "galaxies": (82, 1),
    "iris": (150, 4),
    "penguins": (342, 4),
    "wine": (178, 13),
    "enzyme": (245, 1),
    "overlap": (600, 2),
}


@pytest.mark.parametrize("name", DATASETS)
def test_shape_order_and_attributes(name):
    frame = load_dataset(name)
    info = DATASETS[name]
    n, d = KNOWN[name]
    assert len(frame) == n
    numeric = [pd.api.types.is_numeric_dtype(kind) for kind in frame.dtypes]
    assert numeric == [True] * d + [False] * (frame.shape[1] - d)
    assert as_data(numeric_columns(frame).frame).values.shape == (n, d)
    assert frame.attrs == {
        "name": name,
        "title": info.title,
        "source": info.source,
        "licence": info.licence,
        "description": info.description,
        "units": info.units,
        "label": info.label,
    }
    assert set(info.units) <= set(frame.columns[:d])
    assert all([info.title, info.source, info.licence, info.description])
    assert info.label is None or frame.columns[-1] == info.label


def test_every_known_data_set_is_listed():
    assert set(DATASETS) == set(KNOWN)


def test_iris_and_wine_are_scikit_learns():
    for name, peer in (("iris", load_iris()), ("wine", load_wine())):
        frame = load_dataset(name)
        np.testing.assert_array_equal(frame.iloc[:, :-1].to_numpy(float), peer.data)
        assert (frame.iloc[:, -1] == peer.target_names[peer.target]).all()


def test_faithful_has_the_published_summaries():
    frame = load_dataset("faithful")
    assert list(frame.columns) == ["eruptions", "waiting"]
    np.testing.assert_allclose(frame.mean(), [3.487783, 70.897059], atol=1e-6)
    assert frame.duplicated().sum() == 16


def test_galaxies_has_the_corrected_78th_value_and_says_so():
    frame = load_dataset("galaxies")
    assert frame["velocity"].iloc[77] == 26.960
    assert (frame["velocity"].min(), frame["velocity"].max()) == (9.172, 34.279)
    assert "26.960" in frame.attrs["description"]
    assert frame.attrs["units"] == {"velocity": "1000 km/s"}


def test_penguins_has_three_species():
    frame = load_dataset("penguins")
    assert frame["species"].value_counts().to_dict() == {
        "Adelie": 151,
        "Gentoo": 123,
        "Chinstrap": 68,
    }
    assert list(frame.columns[4:]) == ["island", "sex", "species"]


def test_attributes_survive_joining_and_belong_to_the_copy():
    frame = load_dataset("faithful")
    frame.attrs["units"]["waiting"] = "hours"
    again = load_dataset("faithful")
    assert again.attrs["units"]["waiting"] == "min"
    assert len(pd.concat([again, again])) == 544


def test_an_unknown_name_gets_near_matches():
    with pytest.raises(
        DataError,
        match=re.escape(
            "There is no bundled data set 'Penguin' (did you mean 'penguins'?); there are "
            "faithful, galaxies"
        ),
    ):
        load_dataset("Penguin")
