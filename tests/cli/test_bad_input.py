"""Input that cannot be used: status 2, one sentence, no traceback, nothing half-written."""

import os
import shutil

import numpy as np
import pandas as pd
import pytest

FIT = ("fit", "-k", 2, "-o", "out.json")
SAMPLE = ("sample", "-k", 2, "-o", "out.nc")
SELECT = ("select", "--max-components", 2, "-o", "out.csv")
REPORT = ("report", "--max-components", 2, "-o", "out.html")


@pytest.mark.parametrize("command", [FIT, SAMPLE, SELECT, REPORT], ids=lambda c: c[0])
class TestEveryCommand:
    def test_missing_values(self, refuse, folder, command):
        frame = pd.DataFrame({"a": [1.0, 2.5, 4.0, np.nan, 3.0], "b": [2.0, 1.0, 0.0, 5.0, 2.0]})
        frame.to_csv("gaps.csv", index=False)
        message = refuse(command[0], "gaps.csv", *command[1:])
        assert "'gaps.csv' has gaps in 1 of 5 rows" in message
        assert "row 3, column 'a' (counting from 0)" in message
        assert "--drop-incomplete" in message
        assert "dropna" not in message

    def test_rows_have_their_numbers_in_the_file(self, refuse, folder, command):
        (folder / "inf.csv").write_text("a,b\n,2\n2.5,inf\n4,3\n5.5,2\n")
        message = refuse(command[0], "inf.csv", *command[1:], "--drop-incomplete")
        assert "row 1, column 'b'" in message

    def test_nothing_is_left_without_the_rows_with_gaps(self, refuse, folder, command):
        (folder / "gaps.csv").write_text("a,b\n1.5,\n2.5,1\n,3\n")
        message = refuse(command[0], "gaps.csv", *command[1:], "--drop-incomplete")
        assert "1 sample(s)" in message
        (folder / "gaps.csv").write_text("a,b\n1.5,\n2.5,\n,3\n,4\n4,\n")
        message = refuse(command[0], "gaps.csv", *command[1:], "--drop-incomplete")
        assert "No row of 'gaps.csv' is complete; gaps by column: a (2) and b (3)" in message

    def test_infinite_values(self, refuse, folder, command):
        (folder / "inf.csv").write_text("a,b\n1.5,2\n2.5,inf\n4,3\n")
        assert "row 1, column 'b'" in refuse(command[0], "inf.csv", *command[1:])

    def test_text_only(self, refuse, folder, command):
        (folder / "text.csv").write_text("name,town\nAnn,Ulm\nBob,Bonn\n")
        message = refuse(command[0], "text.csv", *command[1:])
        assert "'name' (text)" in message

    def test_unknown_names(self, refuse, folder, command):
        (folder / "faithfully.csv").touch()
        message = refuse(command[0], "faithfull", *command[1:])
        assert "did you mean 'faithfully.csv' or 'faithful'?" in message
        assert "galaxies" in message

    def test_near_names_are_of_tables(self, refuse, folder, command):
        for name in ("b.csv", "measurement.html", ".measurement.csv"):
            (folder / name).touch()
        assert "did you mean" not in refuse(command[0], "a.csv", *command[1:])
        assert "did you mean" not in refuse(command[0], "measurements.csv", *command[1:])
        (folder / "measurement.tsv.gz").touch()
        message = refuse(command[0], "measurements.csv", *command[1:])
        assert "did you mean 'measurement.tsv.gz'?" in message

    def test_missing_file_and_folder(self, refuse, command):
        assert "no file 'my.csv'" in refuse(command[0], "my.csv", *command[1:])
        assert "nor a folder 'no'" in refuse(command[0], "no/my.csv", *command[1:])

    def test_unreadable_files(self, refuse, folder, command):
        (folder / "empty.csv").touch()
        (folder / "header.csv").write_text("a,b\n")
        (folder / "broken.parquet").write_bytes(b"PAR1 no")
        (folder / "ragged.csv").write_text("a,b\n1,2\n1,2,3\n")
        (folder / "data.xlsx").write_bytes(b"PK")
        (folder / "latin.csv").write_bytes(b"na\xefve,b\n1,2\n2,3\n")
        for name in ("empty.csv", "header.csv", "broken.parquet", "ragged.csv", "data.xlsx"):
            assert name in refuse(command[0], name, *command[1:])
        assert "latin.csv" in refuse(command[0], "latin.csv", *command[1:])

    def test_unknown_column(self, refuse, command):
        message = refuse(command[0], "faithful", "--columns", "eruption", *command[1:])
        assert "did you mean 'eruptions'?" in message
        message = refuse(command[0], "iris", "--columns", "species", *command[1:])
        assert "holds text, first 'setosa'" in message
        assert "empty name" in refuse(command[0], "iris", "--columns", "a,,b", *command[1:])

    def test_one_row(self, refuse, folder, command):
        (folder / "one.csv").write_text("a,b\n1,2\n")
        refuse(command[0], "one.csv", "--columns", "a,b", *command[1:])

    def test_output_that_cannot_be_written(self, refuse, folder, command):
        *words, output = command
        assert "no folder 'nowhere'" in refuse(words[0], "iris", *words[1:], f"nowhere/{output}")
        assert "ends in" in refuse(words[0], "iris", *words[1:], "out.txt")
        (folder / output).mkdir()
        assert "is a folder" in refuse(words[0], "iris", *words[1:], output)

    def test_unknown_family(self, refuse, command):
        option = "--family" if "-k" in command else "--families"
        message = refuse(command[0], "iris", *command[1:], option, "round")
        assert "spherical" in message

    def test_seed_that_is_none(self, refuse, command):
        refuse(command[0], "iris", *command[1:], "--seed", -1)
        refuse(command[0], "iris", *command[1:], "--seed", "x")


@pytest.mark.parametrize("command", [FIT, SAMPLE], ids=lambda c: c[0])
def test_number_of_components(refuse, command):
    name, *rest = command
    for k in (0, -3, 2.5, "many"):
        assert "-k" in refuse(name, "iris", *rest, "-k", k)
    message = refuse(name, "galaxies", *rest, "-k", 83)
    assert "got -k 83, rows = 82; ask for at most 82 components" in message


@pytest.mark.parametrize("command", [FIT, SAMPLE], ids=lambda c: c[0])
def test_degenerate_columns(refuse, folder, command):
    name, *rest = command
    pd.DataFrame({"a": [1.0, 2.5, 4.0, 7.0], "b": [3.0] * 4}).to_csv("flat.csv", index=False)
    assert "'b'" in refuse(name, "flat.csv", "--columns", "a,b", *rest)
    (folder / "twice.csv").write_text("a,b\n1.5,1.5\n2.5,2.5\n4,4\n7,7\n")
    assert "use --family diag, or give" in refuse(name, "twice.csv", *rest)


def test_sweeps_in_which_nothing_can_be_fitted(refuse, folder):
    (folder / "twice.csv").write_text("a,b\n1.5,1.5\n2.5,2.5\n4,4\n7,7\n")
    message = refuse("select", "twice.csv", "--families", "full,tied", *SELECT[1:])
    assert "every fit failed" in message
    assert "use --families diag, or give reg_covar= or priors= (in Python)." in message


def test_criterion_without_its_engine(refuse):
    message = refuse("select", "iris", "--engines", "em", "--criterion", "loo")
    assert "--criterion loo needs 'bayes' among --engines." in message
    assert "'gibbs' is none of em, bayes" in refuse("select", "iris", "--engines", "gibbs")


def test_fit_of_a_report(refuse):
    assert "ends in .json" in refuse("report", "iris", "--save-fit", "fit.nc")
    assert "no folder 'no'" in refuse("report", "iris", "--save-fit", "no/fit.json")


def test_command_lines_that_are_wrong(refuse):
    assert "see 'bayesgmm --help'" in refuse("fitt", "iris")
    assert "Missing option '-k'" in refuse("fit", "iris")
    assert "Missing argument 'DATA'" in refuse("fit", "-k", 2)
    assert "see 'bayesgmm fit --help'" in refuse("fit", "iris", "-k", 2, "--colour", "red")
    assert "--draws" in refuse("sample", "iris", "-k", 2, "--draws", 1)
    message = refuse("sample", "iris", "-k", 2, "--sampler", "mh")
    assert "'mh' is not one of 'auto', 'hmc', 'nuts', 'gibbs', 'laplace', 'vi', 'smc'" in message


def test_checkpoints(refuse):
    words = ("sample", "faithful", "-k", 1, "--checkpoint")
    assert "A checkpoint ends in .zarr or .zarr.zip" in refuse(*words, "run.nc")
    assert "'nowhere' does not exist; make it" in refuse(*words, "nowhere/run.zarr.zip")
    message = refuse(*words, "run.zarr.zip", "--sampler", "smc")
    assert "--sampler smc keeps no checkpoint" in message
    assert "use --sampler auto, or leave it out" in message


class TestPredict:
    @pytest.fixture(autouse=True)
    def _copy(self, fits, folder):
        for kind in ("json", "nc"):
            shutil.copy(fits[kind], folder)

    def test_fit_file_of_the_wrong_kind(self, refuse, folder):
        (folder / "data.csv").write_text("eruptions,waiting\n1,2\n")
        assert "neither" in refuse("predict", "data.csv", "data.csv", "-o", "out.csv")
        (folder / "other.json").write_text("{}")
        assert "no fit of bayesgmm" in refuse("predict", "other.json", "faithful", "-o", "out.csv")
        assert "no file 'no.json'" in refuse("predict", "no.json", "faithful", "-o", "out.csv")
        whole = (folder / "fit.nc").read_bytes()
        (folder / "cut.nc").write_bytes(whole[: len(whole) // 2])
        assert "damaged" in refuse("predict", "cut.nc", "faithful", "-o", "out.csv")

    @pytest.mark.parametrize("fit", ["fit.json", "fit.nc"])
    def test_data_without_the_columns(self, refuse, folder, fit):
        (folder / "data.csv").write_text("eruptions,wait\n1,2\n")
        assert "'waiting'" in refuse("predict", fit, "data.csv", "-o", "out.csv")
        assert "'eruptions'" in refuse("predict", fit, "iris", "-o", "out.csv")

    def test_values_that_are_no_numbers(self, refuse, folder):
        (folder / "gap.csv").write_text("eruptions,waiting\n1,2\n3,\n")
        message = refuse("predict", "fit.json", "gap.csv", "-o", "out.csv")
        assert "row 1, column 'waiting'" in message
        assert "--drop-incomplete" in message
        (folder / "text.csv").write_text("eruptions,waiting\n1,2\n3,long\n")
        message = refuse("predict", "fit.json", "text.csv", "-o", "out.csv")
        assert "'waiting' holds text" in message

    def test_interval(self, refuse):
        message = refuse("predict", "fit.json", "faithful", "--interval", 0.9)
        assert "holds an EM fit" in message
        for interval in (0, 1, 90):
            assert "--interval" in refuse("predict", "fit.nc", "faithful", "--interval", interval)

    def test_output(self, refuse, folder):
        assert ".csv" in refuse("predict", "fit.json", "faithful", "-o", "out.txt")
        assert "no folder" in refuse("predict", "fit.json", "faithful", "-o", "no/out.csv")
        (folder / "data.csv").write_text("eruptions,waiting\n1,2\n")
        os.link("data.csv", "same.csv")
        assert "what is read" in refuse("predict", "fit.json", "data.csv", "-o", "data.csv")
        assert "what is read" in refuse("predict", "fit.json", "data.csv", "-o", "same.csv")
        assert (folder / "data.csv").read_text() == "eruptions,waiting\n1,2\n"

    def test_wrong_number_of_columns_for_a_fit_without_names(self, refuse, fits, folder):
        from bayesgmm import GaussianMixture, load_dataset, save

        fit = GaussianMixture(1).fit(load_dataset("faithful").to_numpy())
        save(fit, "nameless.json")
        message = refuse("predict", "nameless.json", "iris", "-o", "out.csv")
        assert "4 features" in message
