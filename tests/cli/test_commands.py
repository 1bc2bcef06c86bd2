"""What the commands print and write."""

import io
import json
import re
import shutil
import warnings

import numpy as np
import pandas as pd
import pytest

from bayesgmm import GaussianMixture, load, load_dataset
from bayesgmm.bayes.samplers import SAMPLERS as KNOWN_SAMPLERS
from bayesgmm.cli import main
from bayesgmm.cli.options import FAMILIES, SAMPLERS
from bayesgmm.cli.tables import aligned, decimals_for, number
from bayesgmm.core.covariance import FAMILIES as KNOWN_FAMILIES
from bayesgmm.data import DATASETS
from bayesgmm.exceptions import ConvergenceWarning


def csv(text):
    return pd.read_csv(io.StringIO(text), dtype=str).astype(float)


def cells(text, *starts):
    """The numbers of the line that begins with these words."""
    [line] = [line for line in text.splitlines() if line.split()[: len(starts)] == list(starts)]
    return [float(cell) for cell in line.split()[len(starts) :]]


def test_fit_prints_the_estimates(run):
    result = run("fit", "faithful", "-k", 2)
    fit = GaussianMixture(2, random_state=0).fit(load_dataset("faithful"))
    assert result.exit_code == 0
    out = result.stdout
    assert cells(out, "weight") == pytest.approx(fit.weights_, abs=5e-5)
    assert cells(out, "mean", "waiting") == pytest.approx(fit.means_[:, 1], abs=5e-3)
    sd = np.sqrt(fit.covariances_[:, 0, 0])
    assert cells(out, "sd", "eruptions") == pytest.approx(sd, abs=5e-5)
    assert "-1130.26 nats, 11 free parameters" in out
    assert "BIC 2322.19, ICL 2322.70" in out
    reached = f"starts that reached this optimum: {fit.starts_.n_at_best} of {fit.starts_.n_starts}"
    assert reached in out
    assert "fitting 2 components by EM" in result.stderr


def test_fit_writes_a_file_that_predict_reads(run, folder, measurements):
    result = run("fit", "data.csv", "-k", 2, "--seed", 7, "--family", "diag", "-o", "fit.json")
    assert result.exit_code == 0
    assert "left out: id (identifier), colour (text)" in result.stderr.replace(
        "numbers the rows, 1 to 80", "identifier"
    )
    assert "the fit is in fit.json" in result.stderr
    fit = load(folder / "fit.json")
    assert list(fit.feature_names_in_) == ["height", "weight"]
    assert (fit.random_state, fit.covariance_type) == (7, "diag")

    # Columns in another order, among others, are found by their names.
    measurements.iloc[::-1, ::-1].to_csv(folder / "other.csv", index=False)
    result = run("predict", "fit.json", "other.csv")
    assert result.exit_code == 0
    table = csv(result.stdout)
    assert list(table) == ["row", "label", "probability_0", "probability_1", "log_density"]
    X = measurements[["height", "weight"]].iloc[::-1]
    np.testing.assert_array_equal(table["row"], range(80))
    np.testing.assert_array_equal(table["label"], fit.predict(X))
    close = {"rtol": 5e-6, "atol": 0.0}
    np.testing.assert_allclose(table.filter(like="probability"), fit.predict_proba(X), **close)
    np.testing.assert_allclose(table["log_density"], fit.score_samples(X), **close)
    digits = re.findall(r"(?<=[,.-])0*(\d+)", result.stdout.replace(".", ""))
    assert max(map(len, digits)) == 6


@pytest.fixture
def gaps(folder, measurements):
    """The table with gaps in two rows, and in a column that is not used; and without the rows."""
    frame = measurements.copy()
    frame.loc[[3, 7], "height"] = np.nan
    frame.loc[3, "weight"] = frame.loc[5, "colour"] = np.nan
    frame.to_csv(folder / "gaps.csv", index=False)
    frame.drop(index=[3, 7]).to_csv(folder / "complete.csv", index=False)
    return frame


def test_incomplete_rows_are_dropped_where_that_is_asked_for(run, gaps):
    for words in (("fit", "-k", 2), ("sample", "-k", 1, "--draws", 100)):
        name, *rest = words
        result = run(name, "gaps.csv", *rest, "--drop-incomplete")
        assert result.exit_code == 0
        assert "dropped: 2 of 80 rows, which have gaps" in result.stderr
        expected = run(name, "complete.csv", *rest).stdout
        assert result.stdout == expected.replace("complete", "gaps")
        assert "dropped" not in run(name, "gaps.csv", *rest, "--drop-incomplete", "-q").stderr


def test_a_column_that_varies_only_in_rows_that_are_dropped_is_left_out(run, folder, gaps):
    gaps["mode"] = np.where(gaps.index == 3, 7.0, 5.0)
    gaps.to_csv(folder / "gaps.csv", index=False)
    result = run("fit", "gaps.csv", "-k", 2, "--drop-incomplete")
    assert result.exit_code == 0
    assert "mode (constant, always 5)" in result.stderr


def test_rows_that_are_predicted_keep_their_numbers(run, folder, gaps):
    run("fit", "gaps.csv", "-k", 2, "--drop-incomplete", "-o", "fit.json")
    result = run("predict", "fit.json", "gaps.csv", "--drop-incomplete")
    assert "dropped: 2 of 80 rows, which have gaps" in result.stderr
    table = csv(result.stdout)
    assert table["row"].tolist() == [row for row in range(80) if row not in (3, 7)]
    rows = gaps.loc[table["row"].astype(int), ["height", "weight"]]
    np.testing.assert_array_equal(table["label"], load(folder / "fit.json").predict(rows))


def test_a_report_says_what_was_left_out(run, folder, gaps):
    result = run(
        "report", "gaps.csv", "--drop-incomplete", "--max-components", 2, "--draws", 100,
        "-o", "page.md",
    )  # fmt: skip
    assert result.exit_code == 0
    text = " ".join((folder / "page.md").read_text(encoding="utf-8").split())
    assert "78 rows × 2 measurements · 2 rows with gaps left out" in text
    assert "2 of 80 observations had missing values and were left out." in text
    assert "Rows are counted from 1 as in the data, those left out included." in text
    assert "78 of 80 rows × 2 columns (height, weight), those without missing values;" in text
    assert "Rows left out: rows 4 and 8, for missing values" in text
    assert "no missing values" not in text
    typical = re.findall(r"row (\d+) \\?\(([\d.]+), ([−\d.]+)\\?\)", text)
    assert typical
    for row, *values in typical:
        expected = gaps.loc[int(row) - 1, ["height", "weight"]].to_numpy(float)
        np.testing.assert_allclose(
            [float(v.replace("−", "-")) for v in values], expected, atol=0.01
        )
    reasons = re.search(r"Columns left out\W+(.*?)SHA-256", text)[1]
    assert "id (" in reasons
    assert "colour (text)" in reasons


def test_clusters_of_a_report_are_the_components_of_the_fit_it_saves(run, folder):
    result = run(
        "report", "faithful", "--max-components", 2, "--families", "tied", "--draws", 100,
        "-o", "page.md", "--save-fit", "fit.json",
    )  # fmt: skip
    assert result.exit_code == 0
    assert "its EM fit is in fit.json" in result.stderr
    text = (folder / "page.md").read_text(encoding="utf-8")
    assert "Cluster 1 is component 0 of the EM fit of this report" in text
    labels = csv(run("predict", "fit.json", "faithful").stdout)["label"].astype(int)
    sizes = re.search(r"(\d+) and (\d+)", text)
    assert [int(size) for size in sizes.groups()] == np.bincount(labels).tolist()


def test_report_and_select_make_the_same_fits_by_default():
    report, select = (
        {option.name: option.default for option in main.commands[name].params}
        for name in ("report", "select")
    )
    shared = ("max_components", "covariance_types", "criterion", "draws", "chains", "random_state")
    for name in shared:
        assert report[name] == select[name]


def test_columns_that_may_be_codes_are_told(run, folder):
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"height": rng.normal(size=60), "smoker": rng.permutation(60) % 2})
    table["grade"], table["halves"] = rng.permutation(60) % 5 + 1.0, rng.permutation(60) % 3 / 2
    table["many"] = rng.permutation(60) % 6
    table.to_csv("codes.csv", index=False)
    table[:29].to_csv("short.csv", index=False)
    words = ("-k", 1, "--family", "diag")
    said = "few different values, all whole numbers: 'smoker' (2) and 'grade' (5); codes of groups"
    assert said in run("fit", "codes.csv", *words).stderr
    every = ",".join(table.columns)
    for quiet in (["--quiet"], ["--columns", every]):
        assert "few different" not in run("fit", "codes.csv", *words, *quiet).stderr
    assert "few different" not in run("fit", "short.csv", *words).stderr


def test_columns_are_taken_as_asked(run, folder, measurements):
    result = run("fit", "data.csv", "-k", 1, "--columns", "weight, id", "-o", "fit.json")
    assert result.exit_code == 0
    assert "left out" not in result.stderr
    assert list(load(folder / "fit.json").feature_names_in_) == ["weight", "id"]


def test_parquet_and_bundled_data_with_text(run, folder):
    load_dataset("iris").to_parquet(folder / "flowers.parquet")
    one, other = run("fit", "flowers.parquet", "-k", 2), run("fit", "iris", "-k", 2)
    assert one.exit_code == other.exit_code == 0
    assert one.stdout.splitlines()[1:] == other.stdout.splitlines()[1:]
    assert one.stdout.startswith("EM, 2 components, full covariances: flowers, 150 rows, 4 columns")
    assert "left out: species (text)" in other.stderr


def test_quiet_says_nothing(run):
    result = run("fit", "iris", "-k", 2, "--quiet", "-o", "fit.json")
    assert result.exit_code == 0
    assert result.stderr == ""


def test_the_same_seed_gives_the_same_output(run):
    one, other = (run("sample", "galaxies", "-k", 1, "--draws", 300, "-q") for _ in range(2))
    assert one.exit_code == 0
    assert one.stdout == other.stdout
    assert one.stdout != run("sample", "galaxies", "-k", 1, "--draws", 300, "--seed", 1).stdout


def test_sample_prints_intervals_and_a_verdict(run, folder):
    result = run("sample", "faithful", "-k", 2, "--draws", 400, "-o", "fit.nc")
    assert result.exit_code == 0
    fit = load(folder / "fit.nc")
    values = fit.mixture_.means[..., 1, 1].ravel()
    shown = [values.mean(), values.std(ddof=1), *np.quantile(values, [0.05, 0.95])]
    line = cells(result.stdout.split("\n1 ")[1], "mean", "waiting")
    assert line == pytest.approx([*shown, fit.map_.means[1, 1]], abs=5e-3)
    assert "diagnostics: 4 chains agree; both components are separated." in result.stdout
    assert f"least effective sample size {fit.diagnostics_.min_ess:.0f}" in result.stdout
    assert "diverged" not in result.stdout
    assert "sampling 2 components: 4 chains of 400 draws" in result.stderr
    assert "the posterior is in fit.nc" in result.stderr


def test_sample_by_other_samplers(run, folder):
    assert set(SAMPLERS) == {"auto", *KNOWN_SAMPLERS}
    last = {}
    for sampler in ("gibbs", "laplace", "vi"):
        result = run(
            "sample", "faithful", "-k", 1, "--sampler", sampler, "--draws", 400, "-q", "-o", "f.nc"
        )
        assert result.exit_code == 0
        assert result.stderr == ""
        assert load(folder / "f.nc").posterior_["posterior"].attrs["sampler"] == sampler
        last[sampler] = result.stdout.splitlines()[-1]
    assert re.fullmatch(r"largest R-hat 1\.0\d\d, least effective sample size \d+", last["gibbs"])
    assert re.fullmatch(r"least effective sample size \d+", last["laplace"])
    assert re.fullmatch(r"least effective sample size \d+", last["vi"])


def test_sample_goes_on_from_a_checkpoint(run, folder):
    words = ("sample", "galaxies", "-k", 1, "--checkpoint", "run.zarr.zip", "-q", "-o", "f.nc")
    run(*words, "--draws", 300)
    first = load(folder / "f.nc").mixture_.means
    run(*words, "--draws", 500, "--seed", 1)
    np.testing.assert_array_equal(load(folder / "f.nc").mixture_.means[:, :300], first)


def test_warnings_are_one_line_each(run):
    result = run("sample", "galaxies", "-k", 1, "--draws", 10, "--chains", 2, "--quiet")
    assert result.exit_code == 0
    [line] = result.stderr.splitlines()
    assert line.startswith("warning: ")
    assert "The draws are worth only" in line
    assert "diagnostics: 2 chains " in result.stdout


def test_a_warning_is_given_once(run, monkeypatch):
    fit = GaussianMixture.fit

    def warning_twice(*arguments):
        for _ in range(2):
            warnings.warn("Mind the\ngap.", ConvergenceWarning, stacklevel=1)
        return fit(*arguments)

    monkeypatch.setattr(GaussianMixture, "fit", warning_twice)
    result = run("fit", "faithful", "-k", 1, "-q")
    assert result.stderr == "warning: Mind the gap.\n"


def test_predict_from_a_posterior_with_intervals(run, fits, folder):
    shutil.copy(fits["nc"], folder / "fit.nc")
    result = run("predict", "fit.nc", "faithful", "--interval", 0.9, "-o", "out.csv")
    assert result.exit_code == 0
    assert result.stdout == ""
    assert "the memberships are in out.csv" in result.stderr
    table = csv((folder / "out.csv").read_text())
    X = load_dataset("faithful")
    mean, lower, upper = fits["bayes"].predict_proba(X, 0.9)
    np.testing.assert_allclose(table["probability_1"], mean[:, 1], rtol=5e-6)
    np.testing.assert_allclose(table["probability_1_lower"], lower[:, 1], rtol=5e-6)
    np.testing.assert_allclose(table["probability_0_upper"], upper[:, 0], rtol=5e-6)
    np.testing.assert_array_equal(table["label"], mean.argmax(axis=1))


def test_predict_one_row_with_a_fit_that_has_no_names(run, folder, measurements):
    from bayesgmm import save

    X = measurements[["height", "weight"]].to_numpy()
    fit = GaussianMixture(2, random_state=0).fit(X)
    save(fit, folder / "fit.json")
    measurements[["height", "colour", "weight"]].head(1).to_csv("one.csv", index=False)
    result = run("predict", "fit.json", "one.csv")
    assert result.exit_code == 0
    assert csv(result.stdout)["label"].tolist() == [fit.predict(X[:1])[0]]


def test_select_prints_the_tables_and_the_choice(run, folder):
    result = run(
        "select", "faithful", "--max-components", 2, "--families", "tied,full", "--draws", 100,
        "-o", "table.csv",
    )  # fmt: skip
    assert result.exit_code == 0
    out = result.stdout
    assert "2322.19*" in out
    assert "BIC prefers two clusters of free shape (full) to" in out
    assert "2 is the largest number tried." in out
    table = pd.read_csv(folder / "table.csv")
    # The full family leads at both numbers, so no posterior of the other is asked for.
    assert table.groupby("engine").size().to_dict() == {"bayes": 2, "em": 4}
    em, bayes = (table[table["engine"] == engine] for engine in ("em", "bayes"))
    assert em["bic"].min() == pytest.approx(2322.19, abs=0.01)
    assert f"{bayes['elpd_loo'].max():.2f}*" in out
    assert "fitting 1 to 2 components (tied, full)" in result.stderr


def test_select_by_em_alone_and_by_another_criterion(run):
    result = run(
        "select", "overlap", "--max-components", 5, "--engines", "em", "--criterion", "icl"
    )
    assert result.exit_code == 0
    assert "ICL prefers four clusters" in result.stdout
    assert "Posterior" not in result.stdout


def test_columns_may_be_given_one_by_one(run):
    together, apart = (
        run("fit", "iris", "-k", 2, *words)
        for words in (
            ("--columns", "sepal_length,petal_width"),
            ("--columns", "sepal_length", "--columns", "petal_width"),
        )
    )
    assert "petal_width" in together.stdout
    assert apart.stdout == together.stdout


def test_select_warns_of_the_chosen_fit_and_names_others_with_remarks(run):
    words = ("faithful", "--families", "full", "--draws", 20, "--chains", 2)
    result = run("select", *words, "--max-components", 3)
    warned = [line for line in result.stderr.splitlines() if line.startswith("warning: ")]
    assert len(warned) == 1
    assert warned[0].startswith("warning: bayes, full, 2 components: ")
    for size in (1, 3):
        assert f"bayes full {size}, not chosen: " in result.stderr
    kept = run("select", *words, "--max-components", 3, "-o", "t.csv")
    others = (
        "fits with remarks, none of them chosen: bayes full 1 and bayes full 3; the table (t.csv)"
    )
    assert others in kept.stderr
    quiet = run("select", *words, "--max-components", 3, "--quiet")
    assert quiet.stderr.splitlines() == warned


def test_select_explains_criteria_that_are_missing(run, folder):
    x = np.random.default_rng(0).normal(size=(120, 2)) + np.repeat([0, 5], 60)[:, None]
    x[60:, 1] = 3.0
    pd.DataFrame(x, columns=["a", "b"]).to_csv("stuck.csv", index=False)
    words = ("select", "stuck.csv", "--engines", "em", "--max-components")
    explained = "\n-: every start collapsed, so the likelihood has no bound; not compared\n"
    assert explained not in run(*words, 1).stdout
    two = run(*words, 2)
    assert explained in two.stdout
    assert "em diag 2, not chosen: Every start collapsed: component" in two.stderr
    assert "column 'b' is always 3 there" in two.stderr
    many = run(*words, 5)
    assert "; the table (-o) has them" in many.stderr


def test_select_tells_what_failed(run, folder):
    pd.DataFrame({"x": [1.0, 2.0, 4.0, 8.5]}).to_csv("few.csv", index=False)
    result = run("select", "few.csv", "--engines", "em", "--max-components", 5)
    assert result.exit_code == 0
    assert "warning: em, full, 5 components: failed: Expected rows >= components" in result.stderr


@pytest.mark.parametrize(
    ("k", "name", "begins"), [(2, "my report.html", "<!doctype html>"), (1, "page.md", "#")]
)
def test_report(run, folder, k, name, begins):
    result = run("report", "galaxies", "--max-components", k, "--draws", 200, "-o", name)
    assert result.exit_code == 0
    assert result.stdout == ""
    assert f"the report is in {name}" in result.stderr
    text = (folder / name).read_text(encoding="utf-8")
    assert text.lower().startswith(begins)
    assert "Velocities of galaxies" in text
    assert "1000 km/s" in text
    command = text[text.index("bayesgmm report galaxies") :].split("\n")[0]
    assert f"--max-components {k} --draws 200 -o" in command


def test_help_of_every_command_ends_with_examples(run):
    for command in main.commands:
        result = run(command, "--help")
        assert result.exit_code == 0
        examples = result.stdout.split("Examples:")[1].strip().splitlines()
        assert len(examples) >= 3
        assert all(line.strip().startswith("bayesgmm ") for line in examples)


def test_help_names_all_that_there_is(run):
    text = " ".join(run("--help").stdout.split())
    for name in DATASETS:
        assert name in text
    assert tuple(KNOWN_FAMILIES) == FAMILIES


def test_version(run):
    import bayesgmm

    assert run("--version").stdout == f"bayesgmm {bayesgmm.__version__}\n"


def test_json_file_is_what_save_writes(run, folder):
    run("fit", "faithful", "-k", 2, "-o", "fit.json")
    document = json.loads((folder / "fit.json").read_text())
    assert document["fit"]["log_likelihood"] == pytest.approx(-1130.2640, abs=1e-4)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.35587, "0.3559"),
        (54.48, "54.48"),
        (123456.7, "123457"),
        (-2.0, "-2.000"),
        (0.0, "0.000"),
        (3.2e-9, "3.200e-09"),
        (6.5e12, "6.500e+12"),
        (float("nan"), "-"),
    ],
)
def test_numbers_are_readable(value, text):
    assert number(value) == text


def test_decimals_follow_the_error():
    assert [decimals_for(error) for error in (0.034, 0.59, 12.0, 350.0, 0.0)] == [3, 2, 0, 0, 4]


def test_tables_are_aligned():
    assert aligned(["a", "n"], [["x", "10"], ["long", "5"]]) == "a      n\nx     10\nlong   5"
