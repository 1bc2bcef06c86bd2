import re

import numpy as np
import pandas as pd
import pytest

from bayesgmm.data import load_dataset, numeric_columns, read_table
from bayesgmm.exceptions import DataError


def says(text):
    return pytest.raises(DataError, match=re.escape(text))


@pytest.fixture
def table():
    return pd.DataFrame({"name": ["p", "q"], "length": [1.5, 2.25], "width": [3, 4]})


@pytest.fixture
def write(tmp_path):
    def writer(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return writer


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.tsv", "t.tsv.gz", "T.CSV", "t.v2.csv"])
def test_text_files_come_back_as_they_are(tmp_path, table, name):
    table.to_csv(tmp_path / name, index=False, sep="\t" if "tsv" in name else ",")
    pd.testing.assert_frame_equal(read_table(tmp_path / name), table)
    chosen = read_table(str(tmp_path / name), columns=["width", "name"])
    pd.testing.assert_frame_equal(chosen, table[["width", "name"]])


def test_parquet_files_and_folders_come_back_as_they_are(tmp_path, table):
    table.to_parquet(tmp_path / "t.parquet")
    folder = tmp_path / "parts"
    folder.mkdir()
    table.to_parquet(folder / "0.parquet")
    table.to_parquet(folder / "1.parquet")
    pd.testing.assert_frame_equal(read_table(tmp_path / "t.parquet"), table)
    both = read_table(folder, columns=["width", "length"])
    assert list(both.columns) == ["width", "length"]
    assert both["width"].tolist() == [3, 4, 3, 4]


def test_semicolons_decimal_commas_and_byte_order_marks(write):
    path = write("t.csv", "\ufeffa; b\n1,5;2\n2,5;3\n")
    pd.testing.assert_frame_equal(read_table(path), pd.DataFrame({"a": [1.5, 2.5], "b": [2, 3]}))
    path = write("u.csv", "a;b\n1.5;2\n")
    pd.testing.assert_frame_equal(read_table(path), pd.DataFrame({"a": [1.5], "b": [2]}))


def test_a_missing_file_suggests_its_neighbour(write):
    path = write("faithful.csv", "a\n1\n")
    with says(
        "There is no file '"
        + str(path.with_name("faitful.csv"))
        + "' (did you mean 'faithful.csv'?); check"
    ):
        read_table(path.with_name("faitful.csv"))
    with pytest.raises(DataError, match=r"nor a folder '.*nowhere'"):
        read_table(path.parent / "nowhere" / "t.csv")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.xlsx", b"PK", "ends in '.xlsx'; save it as one of these"),
        ("table", b"a\n1\n", "ends in 'nothing'"),
        ("t.csv", b"", "must hold the column names, but it is empty"),
        ("t.csv", b"\n\n", "must hold the column names, but it is empty"),
        ("t.csv", b"a,b\n", "has no rows below its column names"),
        ("t.csv", b"3.6,79\n1.8,54\n", "but it holds numbers ('3.6,79'); add a line of names"),
        ("t.csv", "\ufeff3.6\n1.8\n".encode(), "but it holds numbers ('3.6'); add a line"),
        ("t.csv", b"a,b\n1,2\n1,2,3,4\n", "could not be read as a table (Error tokenizing data."),
        ("t.csv", b"a,b\n\xff\xfe\x00,2\n", "could not be read as a table ('utf-8' codec"),
        ("t.csv.gz", b"a,b\n1,2\n", "could not be read as a table (Not a gzipped file"),
        ("t.parquet", b"not parquet at all", "could not be read as a table ("),
        ("t.parquet", b"", "could not be read as a table ("),
    ],
)
def test_files_that_are_no_tables(write, name, content, message):
    path = write(name, content)
    with says(message) as caught:
        read_table(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_cut_archive(write, table):
    path = write("t.csv.gz", b"")
    pd.DataFrame({"a": np.arange(5000.0)}).to_csv(path, index=False)
    path.write_bytes(path.read_bytes()[:2000])
    with says("could not be read as a table (Compressed file ended"):
        read_table(path)


def test_a_folder_without_parquet(tmp_path):
    with says("but '" + str(tmp_path) + "' holds none; give a file"):
        read_table(tmp_path)


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_unknown_columns_get_near_matches(tmp_path, table, name):
    path = tmp_path / name
    table.to_csv(path, index=False) if name == "t.csv" else table.to_parquet(path)
    with says(
        "There is no column 'Widht' in '"
        + str(path)
        + "' (did you mean 'width'?); it has 'name', 'length' and 'width'."
    ):
        read_table(path, columns=["length", "Widht"])
    with says("'length' is named twice"):
        read_table(path, columns=["length", "length"])
    with says("use ['length']"):
        read_table(path, columns="length")


def test_every_kind_of_column_that_is_left_out_has_its_reason():
    n = 30
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "Unnamed: 0": rng.permutation(n),
            "row": np.arange(1, n + 1),
            "order": np.arange(n),
            "patient_id": rng.integers(0, 9, n) * 7,
            "length": rng.normal(size=n),
            "count": rng.integers(0, 5, n),
            "year": np.arange(1990, 1990 + n),
            "species": ["setosa", "virginica"] * (n // 2),
            "kind": pd.Categorical(["u", "v"] * (n // 2)),
            "wild": [True, False] * (n // 2),
            "day": pd.date_range("2020-01-01", periods=n),
            "label": rng.integers(0, 3, n),
            "flat": 2.5,
            "gone": np.nan,
            "wave": np.ones(n) * 1j,
        }
    )
    kept, left_out = numeric_columns(frame)
    assert list(kept.columns) == ["length", "count", "year"]
    assert left_out == {
        "Unnamed: 0": "identifier",
        "row": "numbers the rows, 1 to 30",
        "order": "numbers the rows, 0 to 29",
        "patient_id": "identifier",
        "species": "text",
        "kind": "categories",
        "wild": "true/false",
        "day": "dates",
        "label": "known classes",
        "flat": "constant, always 2.5",
        "gone": "no values",
        "wave": "complex numbers",
    }


def test_names_alone_do_not_leave_measurements_out():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "label": rng.choice([0.5, 1.5], 40),
            "acid": np.arange(40) * 3,
            "class": np.arange(40) ** 2,
        }
    )
    assert numeric_columns(frame).left_out == {}


def test_named_columns_are_taken_without_guessing():
    frame = pd.DataFrame({"id": [3, 1, 2], "label": [0, 1, 0], "ok": [True, False, True]})
    kept, left_out = numeric_columns(frame, ["ok", "label", "id"])
    assert list(kept.columns) == ["ok", "label", "id"]
    assert left_out == {}


def test_named_columns_must_be_numbers_of_the_table(table):
    with says("column 'name' holds text, first 'p' at row 0 (counting from 0); leave it out"):
        numeric_columns(table, ["length", "name"])
    with says("There is no column 'lenght' in the table (did you mean 'length'?)"):
        numeric_columns(table, ["lenght"])
    with says("but none is named"):
        numeric_columns(table, [])


def test_text_among_numbers_is_found_not_left_out():
    girth = ["41.5", "n/k", "38", None, "40", "?", "39.5"]
    frame = pd.DataFrame({"height": np.arange(7) ** 2, "girth": girth})
    with says("but 'girth' has 'n/k' at row 1 (counting from 0), 2 such values in all; correct it"):
        numeric_columns(frame)
    with says("but 'girth' has 'n/k' at row 1 (counting from 0), 2 such values in all; correct it"):
        numeric_columns(frame, ["girth"])
    assert list(numeric_columns(frame, ["height"]).frame) == ["height"]
    # house numbers: more text than numbers
    frame["girth"] = ["12", "14a", "14b", "15", "16c", "16d", "18"]
    assert numeric_columns(frame).left_out == {"girth": "text"}


def test_one_row_is_not_a_constant_column():
    assert numeric_columns(pd.DataFrame({"a": [1.5], "b": [2]})).left_out == {}


def test_a_table_without_measurements(table):
    with says(
        "at least one numeric column that varies, but the table has only 'name' (text) "
        "and 'k' (constant, always 1)"
    ):
        numeric_columns(table[["name"]].assign(k=1))


def test_bundled_tables_keep_all_their_measurements():
    for name, n_columns in {"iris": 4, "penguins": 4, "wine": 13, "faithful": 2}.items():
        frame = load_dataset(name)
        kept, left_out = numeric_columns(frame)
        assert kept.shape[1] == n_columns
        assert set(left_out.values()) <= {"text"}
