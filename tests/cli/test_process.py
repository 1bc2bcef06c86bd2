"""The command line as a process: start-up, interrupts, pipes."""

import os
import shutil
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import pandas as pd
import pytest
from numba.core import event

from bayesgmm import GaussianMixture, load
from bayesgmm.cli.compiling import compilation_told

BAYESGMM = [sys.executable, "-m", "bayesgmm"]


def test_help_imports_nothing_heavy(tmp_path):
    code = (
        "import sys\n"
        "from bayesgmm.cli import main\n"
        "for words in (['--help'], ['report', '--help'], ['--version']):\n"
        "    try: main(words)\n"
        "    except SystemExit as done: assert done.code == 0\n"
        "heavy = 'numpy scipy sklearn numba pandas pyarrow pymc pytensor arviz matplotlib rich'\n"
        "print(sorted(set(heavy.split()) & set(sys.modules)))\n"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    "words",
    [
        ["fit", "nothing.csv", "-k", "2"],
        ["sample", "galaxies", "-k", "83"],
        ["select", "nothing.csv"],
        ["report", "nothing.csv"],
    ],
    ids=lambda words: words[0],
)
def test_errors_about_data_wait_for_no_compiler_and_no_pictures(words):
    code = (
        "import sys\n"
        "from bayesgmm.cli import main\n"
        f"try: main({words})\n"
        "except SystemExit as done: assert done.code == 2\n"
        "print(sorted({'numba', 'arviz', 'matplotlib', 'nutpie'} & set(sys.modules)))\n"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.splitlines()[-1] == "[]"


def test_results_go_to_standard_output_and_the_rest_to_standard_error(tmp_path):
    done = subprocess.run(
        [*BAYESGMM, "fit", "iris", "-k", "2", "-o", "fit.json"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.startswith("EM, 2 components")
    assert done.stderr.splitlines() == [
        "left out: species (text)",
        "fitting 2 components by EM",
        "the fit is in fit.json",
    ]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no file that is always full")
def test_a_full_disk_is_told_in_one_line():
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*BAYESGMM, "fit", "faithful", "-k", "1", "--quiet"],
            stdout=full, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr == "error: standard output: No space left on device\n"


@pytest.mark.parametrize(("flag", "said"), [("--columns=waiting", 1), ("-q", 0)])
def test_compiling_is_told_once(run, monkeypatch, flag, said):
    fit = GaussianMixture.fit

    def compiling(*arguments):
        for function in (compilation_told, fit, fit):
            event.start_event("numba:compile", {"dispatcher": SimpleNamespace(py_func=function)})
        return fit(*arguments)

    monkeypatch.setattr(GaussianMixture, "fit", compiling)
    result = run("fit", "faithful", "-k", 1, flag)
    assert result.exit_code == 0
    assert result.stderr.count("compiling code, the first time") == said
    assert "bayesgmm compiles" not in result.stderr
    # The next command begins anew.
    assert run("fit", "faithful", "-k", 1, flag).stderr == result.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    "words", [["fit", "-k", "1"], ["sample", "-k", "1"], ["select", "--max-components", "1"]]
)
def test_code_that_is_really_compiled_is_told_once(tmp_path, words):
    done = subprocess.run(
        [*BAYESGMM, words[0], "galaxies", *words[1:]],
        env=os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert [line.split(",")[0] for line in done.stderr.splitlines()].count("compiling code") == 1


@pytest.mark.slow
def test_interrupt_while_sampling_keeps_the_draws_so_far(tmp_path):
    process = subprocess.Popen(
        [*BAYESGMM, "sample", "faithful", "-k", "2", "--sampler", "nuts",
         "--draws", "2000000", "-o", "out.nc"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert "sampling" in process.stderr.readline()
        # The sampler runs once it has its threads.
        for _ in range(600):
            if len(os.listdir(f"/proc/{process.pid}/task")) > 8:
                break
            time.sleep(0.05)
        time.sleep(2.0)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=200)
    finally:
        process.kill()
    assert process.returncode == 130
    assert "diagnostics: Stopped early, after " in out
    assert "Sampling was interrupted: there are " in err
    assert os.listdir(tmp_path) == ["out.nc"]
    fit = load(tmp_path / "out.nc")
    assert not fit.diagnostics_.complete
    assert fit.posterior_["posterior"].attrs["complete"] == 0
    assert fit.diagnostics_.n_draws == fit.mixture_.weights[..., 0].size


@pytest.mark.parametrize("when", ["fit", "write"])
def test_interrupt_leaves_the_old_file(run, folder, monkeypatch, when):
    run("fit", "faithful", "-k", 1, "-o", "fit.json")
    old = (folder / "fit.json").read_bytes()

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    if when == "fit":
        monkeypatch.setattr(GaussianMixture, "fit", interrupt)
    else:
        monkeypatch.setattr("bayesgmm.persistence.em.to_document", interrupt)
    result = run("fit", "faithful", "-k", 2, "-o", "fit.json")
    assert result.exit_code == 130
    assert result.stderr.strip().splitlines()[-1] == "interrupted"
    assert os.listdir(folder) == ["fit.json"]
    assert (folder / "fit.json").read_bytes() == old


@pytest.mark.parametrize(
    "words", [["predict", "fit.json", "faithful"], ["select", "faithful", "--engines", "em"]]
)
def test_interrupt_while_a_table_is_written(run, fits, folder, monkeypatch, words):
    shutil.copy(fits["json"], folder)
    (folder / "out.csv").write_text("old")

    def half(frame, path, **_):
        path.write_text("half")
        raise KeyboardInterrupt

    monkeypatch.setattr(pd.DataFrame, "to_csv", half)
    result = run(*words, "-o", "out.csv")
    assert result.exit_code == 130
    assert (folder / "out.csv").read_text() == "old"
    assert sorted(os.listdir(folder)) == ["fit.json", "out.csv"]


def test_a_fault_of_ours_is_not_hidden(run, monkeypatch):
    def fail(*_, **__):
        raise ValueError("a bug")

    monkeypatch.setattr(GaussianMixture, "fit", fail)
    with pytest.raises(ValueError, match="a bug"):
        run("fit", "faithful", "-k", 2)


def test_a_reader_that_stops_early_is_no_error(fits):
    process = subprocess.Popen(
        [*BAYESGMM, "predict", fits["json"], "faithful"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    process.stdout.close()
    with process.stderr as err:
        assert err.read() == ""
    process.wait(timeout=60)
