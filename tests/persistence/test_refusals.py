"""Files that cannot be loaded, fits that cannot be saved, and what is left on the disk."""

import json
import os
import pickle
import stat
import warnings

import numpy as np
import pytest
import xarray as xr
from sklearn.exceptions import NotFittedError

from bayesgmm import BayesianGaussianMixture, GaussianMixture, load, load_dataset, save
from bayesgmm.exceptions import DataError, PosteriorWarning
from bayesgmm.persistence.files import check_target, replacing


@pytest.fixture(scope="module")
def em():
    return GaussianMixture(2, n_init=1, random_state=0).fit(load_dataset("faithful"))


@pytest.fixture(scope="module")
def posterior():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PosteriorWarning)
        fit = BayesianGaussianMixture(1, draws=50, chains=2, random_state=0, progressbar=False)
        return fit.fit(load_dataset("galaxies"))


@pytest.fixture
def document(em, tmp_path):
    save(em, tmp_path / "fit.json")
    return json.loads((tmp_path / "fit.json").read_text())


def refuse(path, match):
    with pytest.raises(DataError, match=match) as caught:
        load(path)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


def test_files_that_are_none_of_ours(tmp_path):
    refuse(tmp_path / "none.json", "no file")
    refuse(tmp_path, "folder")
    for name, content, match in [
        ("empty.json", b"", "empty"),
        ("text.json", b"weights,means\n1,2\n", "neither"),
        ("list.json", b"[1, 2]", "neither"),
        ("object.json", b'{"weights": [1.0]}', "no fit of bayesgmm"),
        ("fit.pkl", pickle.dumps(GaussianMixture()), "neither"),
        ("latin.json", b'{"format": "\xe9"}', "damaged"),
        ("deep.json", b'{"a":' + b"[" * 100_000, "damaged"),
    ]:
        (tmp_path / name).write_bytes(content)
        refuse(tmp_path / name, match)
    xr.Dataset({"x": ("row", np.arange(3.0))}).to_netcdf(tmp_path / "x.nc", engine="netcdf4")
    refuse(tmp_path / "x.nc", "no fit of bayesgmm")


def test_truncated_json_at_any_length(em, tmp_path):
    save(em, tmp_path / "fit.json")
    whole = (tmp_path / "fit.json").read_bytes()
    for length in range(1, len(whole) - 2, max(1, len(whole) // 40)):
        (tmp_path / "cut.json").write_bytes(whole[:length])
        refuse(tmp_path / "cut.json", "damaged")


def test_truncated_netcdf_at_any_length(posterior, tmp_path):
    save(posterior, tmp_path / "fit.nc")
    whole = (tmp_path / "fit.nc").read_bytes()
    for length in [8, 100, *range(1000, len(whole), len(whole) // 12), len(whole) - 1]:
        (tmp_path / "cut.nc").write_bytes(whole[:length])
        refuse(tmp_path / "cut.nc", "damaged")


def test_a_flipped_bit_among_the_draws_is_noticed(posterior, tmp_path):
    save(posterior, tmp_path / "fit.nc")
    whole = bytearray((tmp_path / "fit.nc").read_bytes())
    draw = posterior.mixture_.means[1, 20:24].tobytes()
    place = whole.find(draw)
    assert place > 0
    whole[place + 2] ^= 1
    (tmp_path / "fit.nc").write_bytes(whole)
    refuse(tmp_path / "fit.nc", "damaged")


@pytest.mark.parametrize("version", [0, 2, "1", None])
def test_other_versions_of_the_json(document, tmp_path, version):
    document |= {"format_version": version, "bayesgmm_version": "9.9"}
    (tmp_path / "fit.json").write_text(json.dumps(document))
    assert "9.9" in refuse(tmp_path / "fit.json", "version")


@pytest.mark.parametrize("version", [1, 3])
def test_other_versions_of_the_netcdf(posterior, tmp_path, version):
    save(posterior, tmp_path / "fit.nc")
    with xr.open_datatree(tmp_path / "fit.nc", engine="netcdf4") as tree:
        tree.load()
    tree.attrs["format_version"] = version
    tree.to_netcdf(tmp_path / "new.nc", engine="netcdf4")
    refuse(tmp_path / "new.nc", "version")


@pytest.mark.parametrize("group", ["posterior", "bayesgmm", "bayesgmm/map", "bayesgmm/diagnostics"])
def test_netcdf_that_lacks_a_group(posterior, tmp_path, group):
    save(posterior, tmp_path / "fit.nc")
    with xr.open_datatree(tmp_path / "fit.nc", engine="netcdf4") as tree:
        tree.load()
    less = tree.filter(lambda node: not f"{node.path}/".startswith(f"/{group}/"))
    less.to_netcdf(tmp_path / "less.nc", engine="netcdf4")
    refuse(tmp_path / "less.nc", "damaged")


def test_netcdf_with_a_draw_that_is_no_number(posterior, tmp_path):
    save(posterior, tmp_path / "fit.nc")
    with xr.open_datatree(tmp_path / "fit.nc", engine="netcdf4") as tree:
        tree.load()
    tree["posterior"]["means"].values[0, 3] = np.nan
    tree.to_netcdf(tmp_path / "nan.nc", engine="netcdf4")
    refuse(tmp_path / "nan.nc", "finite")


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda d: d.pop("whitening"), "lacks 'whitening'"),
        (lambda d: d["weights"].append(0.0), "weights must have shape"),
        (lambda d: d.update(weights=[0.9, 0.2]), "sum to 1.1"),
        (lambda d: d.update(weights=[1.5, -0.5]), "positive"),
        (lambda d: d["means"][0].pop(), "means|inhomogeneous"),
        (lambda d: d["covariances"][0][0].__setitem__(0, 0.2), "do not say the same"),
        (lambda d: d["whitening"][1][1].__setitem__(1, 0.0), "singular|say the same"),
        (lambda d: d.update(means=[["a", "b"], ["c", "d"]]), "could not convert"),
        (lambda d: d.update(means=[[None, 1.0], [1.0, 2.0]]), "finite"),
        (lambda d: d.update(feature_names=["one"]), "1 feature_names for 2"),
        (lambda d: d.update(covariance_type="round"), "round"),
        (lambda d: d["settings"].update(colour="red"), "unknown setting 'colour'"),
        (lambda d: d["settings"].update(n_init=-1), "n_init"),
        (
            lambda d: d["settings"].update(
                priors={slot: {"prior": "os.system"} for slot in ("weights", "means")}
                | {"summary": None}
            ),
            "lacks 'os.system'",
        ),
        (lambda d: d["fit"].pop("starts"), "lacks 'starts'"),
        (lambda d: d["fit"].update(lower_bound=float("nan")), "NaN"),
        (lambda d: d.update(fit=None), "damaged"),
    ],
)
def test_documents_that_were_changed(document, tmp_path, change, match):
    change(document)
    (tmp_path / "fit.json").write_text(json.dumps(document))
    message = refuse(tmp_path / "fit.json", "damaged")
    assert match == "damaged" or any(part in message for part in match.split("|"))


def test_keys_that_are_not_known_are_passed_over(document, tmp_path, em):
    document["colour"] = "red"
    (tmp_path / "fit.json").write_text(json.dumps(document))
    np.testing.assert_array_equal(load(tmp_path / "fit.json").means_, em.means_)


def test_what_cannot_be_saved(em, posterior, tmp_path):
    with pytest.raises(NotFittedError):
        save(GaussianMixture(), tmp_path / "fit.json")
    with pytest.raises(NotFittedError):
        save(BayesianGaussianMixture(), tmp_path / "fit.nc")
    with pytest.raises(DataError, match="got a dict"):
        save({}, tmp_path / "fit.json")
    with pytest.raises(DataError, match=r"ends in \.json.*try '.*fit\.json'"):
        save(em, tmp_path / "fit.nc")
    with pytest.raises(DataError, match=r"ends in \.nc.*try '.*fit\.nc'"):
        save(posterior, tmp_path / "fit.json")
    with pytest.raises(DataError, match="no folder"):
        save(em, tmp_path / "nowhere" / "fit.json")
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(DataError, match="is a folder"):
        save(em, tmp_path / "folder.json")
    em.weights_init = object()
    with pytest.raises(DataError, match="cannot be saved"):
        save(em, tmp_path / "fit.json")
    em.weights_init = None
    assert os.listdir(tmp_path) == ["folder.json"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError, OSError(28, "No space left")])
@pytest.mark.parametrize("kind", ["json", "nc"])
def test_a_failure_half_way_leaves_the_old_file(em, posterior, tmp_path, monkeypatch, kind, error):
    fit = {"json": em, "nc": posterior}[kind]
    path = tmp_path / f"fit.{kind}"
    save(fit, path)
    old = path.read_bytes()

    def stop(*_, **__):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(
            "bayesgmm.persistence.em.to_document"
            if kind == "json"
            else "bayesgmm.persistence.posterior._groups",
            stop,
        )
        expected = DataError if isinstance(error, OSError) else error
        with pytest.raises(expected):
            save(fit, path)
    assert path.read_bytes() == old
    assert os.listdir(tmp_path) == [path.name]


def test_nothing_is_there_until_all_is(tmp_path):
    target = tmp_path / "out.csv"
    with replacing(target) as part:
        part.write_text("half")
        assert not target.exists()
        assert part.parent == tmp_path
    assert target.read_text() == "half"
    with pytest.raises(TypeError), replacing(target) as part:
        part.write_text(5)
    assert target.read_text() == "half"
    assert os.listdir(tmp_path) == ["out.csv"]


def test_who_reads_the_old_file_reads_it_to_the_end(tmp_path):
    target = tmp_path / "out.csv"
    target.write_text("old and long")
    with target.open("rb", buffering=0) as reader:
        assert reader.read(3) == b"old"
        with replacing(target) as part:
            part.write_text("new")
        assert reader.read() == b" and long"
    assert target.read_text() == "new"


def test_modes_and_links_stay(tmp_path):
    target, link = tmp_path / "out.csv", tmp_path / "link.csv"
    target.write_text("old")
    target.chmod(0o640)
    link.symlink_to(target)
    with replacing(link) as part:
        part.write_text("new")
    assert link.is_symlink()
    assert target.read_text() == "new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


def test_new_files_are_as_open_as_others(tmp_path):
    (tmp_path / "plain").touch()
    with replacing(tmp_path / "ours"):
        pass
    modes = {name: stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("plain", "ours")}
    assert modes["ours"] == modes["plain"]


def test_target_that_cannot_be_written(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(DataError, match="permission denied"):
        check_target(tmp_path / "out.csv", (".csv",), "A table")
