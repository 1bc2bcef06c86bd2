"""The documentation's Python runs, and ArviZ does what the guide says it does."""

import ast
import re
import warnings
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pytest

import bayesgmm.plots
from bayesgmm import BayesianGaussianMixture, load_dataset
from bayesgmm.bayes.user_priors import interpreted

DOCS = Path(__file__).parents[1] / "docs"
ARVIZ_PAGE = (DOCS / "guide" / "arviz.md").read_text(encoding="utf-8")
ARVIZ_CALLS = [
    code
    for line in ARVIZ_PAGE.splitlines()
    if line.startswith("| `az.")
    for code in re.findall(r"`(az\.[^`]+)`", line.split(" | ")[0])
]


def blocks(page: Path) -> list[str]:
    """The Python of a page: what is only shown, and what makes a picture."""
    fence = r"^```(?:python|\{plot\})\n(.*?)^```"
    return re.findall(fence, page.read_text(encoding="utf-8"), re.M | re.S)


PAGES = sorted(
    path
    for path in DOCS.rglob("*.md")
    if not {"generated", "_build"} & set(path.relative_to(DOCS).parts) and blocks(path)
)
FEW_DRAWS: dict[str, Any] = {"draws": 100, "chains": 2, "progressbar": False}
SLOW = {"first-steps.md", "plots.md"}


@pytest.fixture(scope="module")
def names() -> dict[str, Any]:
    """What the table of ArviZ's functions takes for granted."""
    faithful = load_dataset("faithful")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # so few draws are not to be trusted, which is as well
        two, three = (
            BayesianGaussianMixture(k, **FEW_DRAWS, random_state=0).fit(faithful) for k in (2, 3)
        )
        nuts = BayesianGaussianMixture(2, sampler="nuts", **FEW_DRAWS, random_state=0).fit(faithful)
    return {
        "bayes": two,
        "dt": two.posterior_,
        "other": three.posterior_,
        "nuts": nuts.posterior_,
    }


@pytest.mark.parametrize(
    "page",
    [pytest.param(p, marks=pytest.mark.slow if p.name in SLOW else []) for p in PAGES],
    ids=lambda page: page.stem,
)
@pytest.mark.filterwarnings("ignore::bayesgmm.exceptions.PosteriorWarning")
@pytest.mark.filterwarnings("ignore::UserWarning:arviz_stats")  # so few draws
def test_examples_run(page, tmp_path, monkeypatch):
    """Readers paste a page from its top, so that it has to bring all names along."""
    monkeypatch.chdir(tmp_path)
    if page.name not in SLOW:
        few = partial(BayesianGaussianMixture, **FEW_DRAWS)
        monkeypatch.setattr(bayesgmm, "BayesianGaussianMixture", few)
    namespace: dict[str, Any] = {}
    with interpreted():
        for block in blocks(page):
            exec(compile(block, page.name, "exec"), namespace)
            plt.close("all")


def test_every_plot_has_its_place_in_the_guide():
    page = (DOCS / "guide" / "plots.md").read_text(encoding="utf-8")
    drawing = {name for name in vars(bayesgmm.plots) if name.startswith("plot_")}
    assert drawing
    assert {name for name in drawing if f"`~bayesgmm.plots.{name}`" not in page} == set()


QUICK_PLOTS = ("az.plot_trace(", "az.plot_forest(", "az.plot_pair(", "az.plot_khat(")


@pytest.mark.parametrize(
    "code",
    [
        pytest.param(code, marks=pytest.mark.slow)
        if code.startswith("az.plot_") and not code.startswith(QUICK_PLOTS)
        else code
        for code in ARVIZ_CALLS
    ],
)
def test_arviz_takes_the_draws(code, names, tmp_path, monkeypatch):
    import arviz as az

    from bayesgmm import save

    monkeypatch.chdir(tmp_path)
    if "from_netcdf" in code:
        save(names["bayes"], "fit.nc")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ArviZ's remarks on two hundred draws
        assert eval(code, {"az": az, **names}) is not None or "diagnose" in code
    plt.close("all")


def test_pages_name_only_what_exists():
    """Names that pages import, and options that they give on the command line, are public."""
    for page in PAGES:
        for block in blocks(page):
            for node in ast.walk(ast.parse(block)):
                if isinstance(node, ast.ImportFrom) and node.module == "bayesgmm":
                    assert {a.name for a in node.names} <= set(bayesgmm.__all__), page.name
