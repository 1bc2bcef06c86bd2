"""The order of the floors, read from the imports; and what an import must not bring along."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import bayesgmm

ROOT = Path(bayesgmm.__file__).parent

# Top floor first. Rooms on one line stand side by side and may import each other; a room imports
# from its own floor and those below.
FLOORS = [
    {"cli", "__main__"},
    {"report"},
    {"plots"},
    {"persistence", "selection"},
    {"clustering"},
    {"bayes"},
    {"em", "prediction"},
    {"priors"},
    {"core", "data"},
    {"exceptions", "progress"},
]
LEVEL = {room: level for level, rooms in enumerate(reversed(FLOORS)) for room in rooms}

# Climbing imports inside functions: conveniences that are loaded on use only.
ALLOWED = {
    # (file, room reached): a method that a user finds where the result is
    ("selection/result.py", "plots"): "SelectionResult.plot",
    ("selection/result.py", "report"): "SelectionResult.report",
}


def room_of(path):
    relative = path.relative_to(ROOT)
    return relative.parts[0] if len(relative.parts) > 1 else relative.stem


def imports(path):
    """Each name of ours that a file imports: (module, inside a function?)."""
    tree = ast.parse(path.read_text())
    typing_only = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.unparse(block.test)
        for node in ast.walk(block)
    }
    inside = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        modules = []
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute here"
            modules = [node.module]
            if node.module == "bayesgmm":
                modules = [f"bayesgmm.{alias.name}" for alias in node.names]
        for module in modules:
            if module == "bayesgmm" or module.startswith("bayesgmm."):
                yield module, id(node) in inside


def reached(module):
    """The room that a module of ours is in; public names count as their home."""
    name = module.removeprefix("bayesgmm").removeprefix(".").split(".")[0]
    if name in bayesgmm._HOMES:
        name = bayesgmm._HOMES[name].split(".")[1]
    return name


FILES = sorted(
    path for path in ROOT.rglob("*.py") if path.name != "__init__.py" or path.parent != ROOT
)


def test_every_room_has_its_floor():
    assert {room_of(path) for path in FILES} - set(LEVEL) == set()


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_import_climbs(path):
    own = LEVEL[room_of(path)]
    for module, in_function in imports(path):
        room = reached(module)
        if room in ("", "__version__"):
            continue  # the package itself, for its version
        if in_function and (str(path.relative_to(ROOT)), room) in ALLOWED:
            continue
        assert LEVEL[room] <= own, f"{path.name} ({room_of(path)}) imports {module}, floors above"


def test_every_allowance_is_used():
    used = {
        (str(path.relative_to(ROOT)), reached(module))
        for path in FILES
        for module, in_function in imports(path)
        if in_function
    }
    assert set(ALLOWED) <= used


def test_the_core_knows_no_data_and_data_no_mixture():
    for path in FILES:
        rooms = {reached(module) for module, _ in imports(path)}
        if room_of(path) == "core":
            assert "data" not in rooms, path
        if room_of(path) == "data":
            assert "core" not in rooms, path


def loaded_after(code):
    """Modules loaded in a new process that has run ``code``."""
    script = f"{code}\nimport sys\nprint(*sorted({{m.split('.')[0] for m in sys.modules}}))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


HEAVY = {"pymc", "pytensor", "arviz", "arviz_stats", "nutpie", "xarray", "matplotlib"}


def test_importing_the_classes_loads_no_compiler():
    loaded = loaded_after("import bayesgmm\nbayesgmm.GaussianMixture\nbayesgmm.Mixture")
    assert not loaded & (HEAVY | {"numba"})


def test_an_em_fit_loads_no_sampler_and_no_pictures():
    loaded = loaded_after(
        "import numpy as np\n"
        "from bayesgmm import GaussianMixture, Priors\n"
        "X = np.random.default_rng(0).normal(size=(60, 2))\n"
        "for priors in (None, Priors()):\n"
        "    fit = GaussianMixture(2, priors=priors, random_state=0).fit(X)\n"
        "    fit.predict_proba(X), fit.bic(X), fit.icl(X), fit.sample(3)"
    )
    assert not loaded & HEAVY
    assert "numba" in loaded


def test_a_posterior_under_our_priors_loads_no_pymc():
    loaded = loaded_after(
        "import warnings\n"
        "import numpy as np\n"
        "from bayesgmm import BayesianGaussianMixture, Priors\n"
        "warnings.simplefilter('ignore')\n"
        "X = np.random.default_rng(0).normal(size=(60, 2))\n"
        "settings = {'draws': 4, 'tune': 4, 'random_state': 0, 'progressbar': False}\n"
        "priors = Priors.richardson_green()\n"
        "fit = BayesianGaussianMixture(2, priors=priors, **settings).fit(X)\n"
        "assert {'scale', 'factor_below'} <= set(fit.posterior_['posterior'])"
    )
    assert not loaded & {"pymc", "pytensor", "nutpie", "matplotlib"}
    assert "xarray" in loaded


def test_public_names_are_loaded_on_use_and_listed():
    assert set(bayesgmm.__all__) == set(bayesgmm._HOMES)
    assert set(bayesgmm._HOMES) <= set(dir(bayesgmm))
    for name in bayesgmm.__all__:
        assert getattr(bayesgmm, name).__name__ in (name, bayesgmm._HOMES[name].split(".")[-1])
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = bayesgmm.nothing
