"""Where compiled functions are cached."""

import tempfile

import pytest
from numba.core import config

from bayesgmm.core.kernels import compiling


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A package that cannot be written to, and the user's home as given."""
    monkeypatch.setattr(config, "CACHE_DIR", "")
    package = tmp_path / "package"
    package.write_text("a file, where no folder can be made")
    monkeypatch.setattr(compiling, "__file__", str(package / "compiling.py"))

    def set_home(path):
        monkeypatch.setenv("HOME", str(path))
        monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
        monkeypatch.setattr(compiling, "AppDirs", lambda **_: _Folders(path))

    return set_home


class _Folders:
    def __init__(self, path):
        self.user_cache_dir = str(path / ".cache" / "bayesgmm")


def test_beside_the_package_where_that_can_be_written(tmp_path, monkeypatch):
    monkeypatch.setattr(config, "CACHE_DIR", "")
    monkeypatch.setattr(compiling, "__file__", str(tmp_path / "compiling.py"))
    assert compiling._cache_folder("abc") == tmp_path / "__pycache__" / "compiled-abc"


def test_where_the_user_of_numba_says(tmp_path, monkeypatch):
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path))
    assert compiling._cache_folder("abc") == tmp_path / "compiled-abc"


def test_in_the_home_where_the_package_is_read_only(tmp_path, home):
    home(tmp_path / "somebody")
    folder = compiling._cache_folder("abc")
    assert folder == tmp_path / "somebody" / ".cache" / "bayesgmm" / "compiled-abc"


def test_in_a_temporary_folder_where_there_is_no_home_either(tmp_path, home):
    home(tmp_path / "package" / "nobody")
    folder = compiling._cache_folder("abc")
    assert folder.parent.parent == compiling.Path(tempfile.gettempdir())
    assert folder.parent.is_dir()
    assert compiling._cache_folder("def").parent == folder.parent


@pytest.fixture
def compiled(monkeypatch, tmp_path, capsys):
    """What is said, to nobody who watches, when a function of a module is compiled."""
    monkeypatch.setattr(compiling.config, "CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(compiling, "_note", compiling._Note())
    monkeypatch.setattr(compiling.sys.stderr, "isatty", lambda: False, raising=False)
    monkeypatch.delitem(compiling.sys.modules, "ipykernel", raising=False)

    def compiled(module):
        def twice(x):
            return 2 * x

        twice.__module__ = module
        with compiling.event.install_listener("numba:compile", compiling._note):
            assert compiling.numba.njit(twice)(2) == 4
        return capsys.readouterr().err

    return compiled


def test_who_waits_for_the_compiler_is_told_why_once(compiled, monkeypatch):
    assert compiled("bayesgmm.core.kernels.some") == ""
    monkeypatch.setattr(compiling.sys.stderr, "isatty", lambda: True, raising=False)
    assert compiled("somebody.elses") == ""
    assert compiled(None) == ""
    assert "the first time" in compiled("bayesgmm.core.kernels.some")
    assert compiled("bayesgmm.core.kernels.some") == ""


def test_a_fit_says_what_it_compiles_unless_it_is_quiet(compiled):
    with compiling.announced("the loops of 'gibbs'", quiet=True):
        assert compiled("bayesgmm.bayes.some") == ""
    said = []
    with compiling.told_by(lambda: said.append("once")), compiling.announced("x", quiet=False):
        assert compiled("somebody.elses") == ""
        assert said == []
        assert compiled("bayesgmm.bayes.some") + compiled("bayesgmm.bayes.some") == ""
        assert said == ["once"]
    for what in ("the loops of 'gibbs'", "the loops of 'smc'"):
        with compiling.announced(what, quiet=False):
            assert f"bayesgmm compiles {what}, the first" in compiled("bayesgmm.bayes.some")
            assert compiled("bayesgmm.bayes.some") == ""
    assert compiled("bayesgmm.bayes.some") == ""
