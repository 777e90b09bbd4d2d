"""Several fits of a model: each image is predicted once for all of them, and each fit is as if it were alone."""

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from helpers.street import Street, make_street
from PIL import Image

import reliseg
from reliseg.config.schema import read_config, render_config
from reliseg.errors import IncompleteError
from reliseg.models.kinds.stored import StoredModel
from reliseg.plan.build import plan_from_config
from reliseg.plan.plan import Target
from reliseg.results import Results
from reliseg.run.check.fit_needs import DiskUse, disk_use
from reliseg.run.execute import Run
from reliseg.run.fit.image_files import StoredImages, select_images
from reliseg.run.fit.requests import SampleRequest, request_of_all_fits, request_of_fit
from reliseg.run.fit.sample_records import read_sample_record
from reliseg.run.fit.sampling import Sampling
from reliseg.run.folder import RunFolder
from reliseg.run.upkeep.listing import sample_record_files

A, B, C = ("street/a", "street/b", "street/c")
METHODS = ["ts", "vector", "cluster-ts(k=2, seed=1)", "selective"]
FITS = [
    {"on": [A], "methods": [*METHODS, "lts(epochs=1)"]},
    {"on": [A, B], "methods": METHODS},
    {"on": ["street/both"], "methods": ["ts", "lts(inputs=logits, epochs=1)"]},
    {"on": [C, A, B], "methods": ["ts", "vector"]},
]


def write_config(street: Street, folder: Path, fits: list[dict], **changes: object) -> Path:
    """The street with overlapping calibration domains, of 7, 3 and 5 images, and another quota for each number."""
    content = street.content()
    content["datasets"][0]["root"] = str(street.root / "data")
    content["models"][0]["where"] = str(street.root / "logits")
    content["datasets"][0]["domains"] = {
        "a": {"split": "val", "scenes": ["s0"]},
        "b": {"split": "val", "scenes": ["s1"]},
        "c": {"split": "train"},
        "both": {"union": ["a", "b"]},
        "dusk": {"split": "test"},
    }
    content["test"] = {"on": ["street/dusk"]}
    folder.mkdir(parents=True, exist_ok=True)
    Street(folder).write(
        content | {"calibration": fits, "sample": {"per_image": 200, "cap": 1000}, "threads": 1} | changes
    )
    return Street(folder).config


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Street:
    street = make_street(tmp_path_factory.mktemp("street"), cal=10, day=5, dusk=2)
    for i, path in enumerate(sorted((street.root / "logits").rglob("*.npz"))):
        with np.load(path) as stored:
            logits = stored["logits"]
        np.savez(path, logits=logits, feature=np.array([1.0, i % 3], np.float32))
    return street


@pytest.fixture(scope="module")
def together(street: Street, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("together")
    reliseg.run_config(write_config(street, folder, FITS), folder / "out", workers=1)
    return folder / "out"


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often the model predicted each sample."""
    found: Counter[str] = Counter()
    predict = StoredModel.predict

    def counted(self, inputs):
        found.update(i.id for i in inputs)
        return predict(self, inputs)

    monkeypatch.setattr(StoredModel, "predict", counted)
    return found


def sampled_domains(out: Path) -> set[str]:
    return {read_sample_record(path).named["domain"] for path in sample_record_files(RunFolder(out))}


def records(out: Path) -> dict[str, bytes]:
    """Without the thresholds, which metrics ask for."""
    files = (out / "calibrations" / "net").iterdir()
    return {path.name: path.read_bytes() for path in files if path.suffix != ".thresholds"}


@pytest.mark.slow
def test_every_image_is_predicted_once_for_all_fits_and_once_to_evaluate(street, tmp_path, calls):
    reliseg.run_config(write_config(street, tmp_path, FITS), tmp_path / "out")
    by_domain = {name: {n for i, n in calls.items() if i.startswith(name)} for name in ("s0/", "s1/", "s14", "s28")}
    assert by_domain == {"s0/": {2}, "s1/": {2}, "s14": {2}, "s28": {1}}
    assert len(calls) == 17


def test_without_thresholds_calibration_images_are_predicted_once(street, tmp_path, calls):
    config = write_config(street, tmp_path, FITS, metrics=["likelihood"])
    reliseg.run_config(config, tmp_path / "out")
    assert set(calls.values()) == {1}
    assert len(calls) == 17


@pytest.mark.slow
@pytest.mark.parametrize("place", range(len(FITS)))
def test_a_fit_alone_gives_the_bytes_of_one_beside_others(street, together, tmp_path, place):
    reliseg.run_config(write_config(street, tmp_path, [FITS[place]]), tmp_path / "out", workers=2)
    alone, beside = records(tmp_path / "out"), records(together)
    assert len(alone) >= len(FITS[place]["methods"])
    assert alone == {name: beside[name] for name in alone}


@pytest.mark.slow
def test_the_quotas_of_these_fits_differ(street, together):
    """So the equality above is one of shares that are part of what is stored."""
    pixels = {name: json.loads(c)["pixels"] for name, c in records(together).items() if name.startswith("ts@")}
    assert pixels["ts@street-a.json"] == 7 * 142
    assert pixels["ts@street-a+street-b.json"] == pixels["ts@street-both.json"] == 10 * 100
    assert pixels["ts@street-c+street-a+street-b.json"] == 15 * 66


@pytest.mark.slow
@pytest.mark.parametrize("before", ["json", "scipy.linalg"])
def test_another_process_writes_the_same_records(street, together, tmp_path, before):
    """Also where libraries of linear algebra are loaded only when something is fitted."""
    config, out = write_config(street, tmp_path, FITS), tmp_path / "out"
    code = f"import {before}, reliseg; reliseg.run_config({str(config)!r}, {str(out)!r}, workers=2)"
    subprocess.run([sys.executable, "-c", code], env=os.environ | {"PYTHONHASHSEED": "1"}, check=True)
    assert records(out) == records(together)
    assert {p.suffix for p in (out / "calibrations" / "net").iterdir()} == {".json", ".safetensors", ".thresholds"}
    assert (out / "results.csv").read_bytes() == (together / "results.csv").read_bytes()


@pytest.mark.slow
def test_samples_and_whole_images_are_stored_once_and_deleted_when_all_is_fitted(street, tmp_path, monkeypatch):
    sizes, domains = [], {}

    def watched(self, members, requests, training):
        folder = self.run.context.folder
        sizes.append({p: p.stat().st_size for p in folder.samples.rglob("*.npy")})
        for path in sample_record_files(folder):
            domains[path.parent] = read_sample_record(path).named["domain"]
        return load(self, members, requests, training)

    load = Sampling.load
    monkeypatch.setattr(Sampling, "load", watched)
    reliseg.run_config(write_config(street, tmp_path, FITS), tmp_path / "out")
    assert len(sizes) == len(FITS)
    assert all(files == sizes[0] for files in sizes)
    whole = Counter(p.name.split(".")[1] for p in sizes[0] if ".whole" in str(p))
    assert whole == {"logits": 10, "labels": 10, "image": 7}  # only lts(inputs=both) looks at images: those of a
    pixels: Counter[str] = Counter()
    for path, size in sizes[0].items():
        if ".whole" not in str(path) and path.name.endswith(".labels.npy"):
            pixels[domains[path.parent]] += size - 128  # the header
    assert pixels == {A: 7 * 142, B: 3 * 100, C: 5 * 66}
    assert not (tmp_path / "out" / "samples").exists()


# Ends the process when so many images are kept, or when so many samples were taken for a fit.
_KILLED = """
import os, reliseg.run.fit.sampling as sampling, reliseg.run.fit.shard_sampling as of_shards, reliseg
drawn, load, n = of_shards.sample_pixels, sampling.Sampling.load, [0, 0]
def counted(*values):
    n[0] += 1
    if n[0] == {after[0]}:
        os._exit(9)
    return drawn(*values)
def loaded(*values):
    n[1] += 1
    if n[1] == {after[1]}:
        os._exit(9)
    return load(*values)
of_shards.sample_pixels, sampling.Sampling.load = counted, loaded
reliseg.run_config({config!r}, {out!r}, workers=1)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("after", "left"), [((3, 0), 15), ((9, 0), 8), ((0, 1), 0), ((0, 3), 0)], ids=["a", "b", "first fit", "third fit"]
)
def test_a_run_killed_while_it_fits_goes_on_and_gives_the_bytes_of_the_whole(
    street, together, tmp_path, calls, after, left, forks
):
    config, out = write_config(street, tmp_path, FITS, metrics=["likelihood"]), tmp_path / "out"
    code = _KILLED.format(after=after, config=str(config), out=str(out))
    assert forks.run(code=code).exit_code == 9
    assert (out / "samples").is_dir()
    reliseg.run_config(config, out)
    assert records(out) == records(together)
    assert calls.total() == left + 2  # and those that are tested
    assert not (out / "samples").exists()


def test_what_was_kept_of_a_mask_that_was_changed_since_is_not_fitted_on(tmp_path, forks):
    street = make_street(tmp_path / "street", cal=10, day=5, dusk=2)
    config, out = (
        write_config(street, tmp_path, [{"on": [A], "methods": ["ts", "vector"]}], metrics=["likelihood"]),
        tmp_path / "out",
    )
    code = _KILLED.format(after=(0, 1), config=str(config), out=str(out))
    assert forks.run(code=code).exit_code == 9
    Image.fromarray(np.full((24, 32), 3, np.uint8)).save(street.mask("val", 0))
    reliseg.run_config(config, out)
    reliseg.run_config(config, tmp_path / "anew")
    assert records(out) == records(tmp_path / "anew")


def test_what_is_left_of_a_finished_run_is_deleted_by_the_next(street, tmp_path, forks):
    config, out = write_config(street, tmp_path, FITS[:1], metrics=["likelihood"]), tmp_path / "out"
    code = _KILLED.format(after=(0, 1), config=str(config), out=str(out))
    assert forks.run(code=code).exit_code == 9
    shutil.copytree(out / "samples", tmp_path / "samples")
    reliseg.run_config(config, out)
    shutil.copytree(tmp_path / "samples", out / "samples")
    reliseg.run_config(config, out)
    assert not (out / "samples").exists()


def test_a_sample_that_cannot_be_read_costs_the_fits_that_contain_it(tmp_path, calls):
    street = make_street(tmp_path / "street", cal=10, day=5, dusk=2)
    fits = [{"on": f["on"], "methods": ["ts"]} for f in FITS]
    config = write_config(street, tmp_path / "there", fits, metrics=["likelihood"])
    good = reliseg.run_config(config, tmp_path / "good").to_csv()
    path = street.logits("val", 8)
    intact = path.read_bytes()
    np.savez(path, logits=np.full((11, 6, 8), np.nan, np.float32))
    calls.clear()
    with pytest.raises(IncompleteError) as caught:
        reliseg.run_config(config, tmp_path / "out")
    lines = str(caught.value).splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        "net on street/a+street/b",
        "net on street/both",
        "net on street/c+street/a+street/b",
    ]
    assert all("could not evaluate 1 sample (s1/s1_0008: " in line for line in lines)
    assert {r.calibration for r in Results.read(tmp_path / "out" / "results.json")} == {"identity", "ts@street/a"}
    assert sampled_domains(tmp_path / "out") == {A, B, C}  # for the next run; of b what comes before the broken one
    path.write_bytes(intact)
    assert set(calls.values()) == {1}
    calls.clear()
    assert reliseg.run_config(config, tmp_path / "out").to_csv() == good
    assert {i for i in calls if i[:3] in ("s0/", "s1/", "s14")} == {"s1/s1_0008", "s1/s1_0009"}
    assert not (tmp_path / "out" / "samples").exists()


def test_each_calibration_sample_is_saved_once(street, tmp_path, monkeypatch):
    saved: Counter[str] = Counter()
    writer = "reliseg.models.prediction_files.save_logits"
    monkeypatch.setattr(writer, lambda path, prediction: saved.update([path.name]))
    config = read_config(write_config(street, tmp_path, FITS, metrics=["likelihood"]))
    Run(
        plan_from_config(config, tmp_path), tmp_path / "out", render_config(config, tmp_path), save=("logits",)
    ).execute()
    assert set(saved.values()) == {1}
    assert len(saved) == 17


def test_images_of_one_id_in_two_data_sets_are_two(street, tmp_path, monkeypatch):
    """Of 14 images with 7 ids at most so many are kept, of either data set."""
    monkeypatch.setattr("reliseg.run.fit.requests.select_images", lambda names, seed: select_images(names, seed, 5))
    seen: list[str] = []
    monkeypatch.setattr("reliseg.run.fit.shard_sampling.save_image", lambda base, *_, **__: seen.append(str(base)))
    monkeypatch.setattr(StoredImages, "__len__", lambda self: 0)
    content_of = Street(tmp_path)
    config = write_config(street, tmp_path, [{"on": [A, "again/a"], "methods": ["lts"]}])
    content = content_of.content()
    content["datasets"].append(content["datasets"][0] | {"name": "again"})
    content_of.write(content)
    with pytest.raises(IncompleteError, match="to hold one out, and has 0"):
        reliseg.run_config(config, tmp_path / "out")
    assert len(set(seen)) == len(seen) == 5
    assert len({Path(base).parent for base in seen}) == 2


def by_name(requests: Mapping[Target, SampleRequest]) -> dict[str, SampleRequest]:
    return {str(target): request for target, request in requests.items()}


def test_what_a_fit_wants_does_not_depend_on_others(street, tmp_path):
    plan = plan_from_config(read_config(write_config(street, tmp_path, FITS)), tmp_path)
    alone = [by_name(request_of_fit(fit, plan.settings)) for fit in plan.fits]
    every = by_name(request_of_all_fits(plan.fits, plan.settings))
    assert set(every) == {A, B, C}
    assert [w[A].quota for w in alone] == [142, 100, 100, 66]
    assert (every[A].quota, every[B].quota, every[C].quota) == (142, 100, 66)
    assert [sorted(set(w[A].whole.values())) for w in alone] == [[True], [], [False], []]
    assert set(every[A].whole.values()) == {True}
    assert set(every[B].whole.values()) == {False}
    assert all(w.within(every[name]) for found in alone for name, w in found.items())
    assert not every[A].within(alone[1][A])
    assert not every[A].within(alone[2][A])


@pytest.fixture
def said_by_check(command: Callable[..., tuple[int, str, str]]) -> Callable[[Path], tuple[int, str]]:
    """The exit code and the errors of `reliseg check` of a configuration."""

    def check(config: Path) -> tuple[int, str]:
        code, _, said = command("check", config)
        return code, said

    return check


@pytest.mark.slow
def test_check_counts_what_is_stored_once_and_whole_images(street, tmp_path, monkeypatch, said_by_check):
    """By the measured size of what a run stores, but for headers and records."""
    sizes = []
    load = Sampling.load

    def watched(self, *values):
        sizes.append([p.stat().st_size for p in self.run.context.folder.samples.rglob("*.npy")])
        return load(self, *values)

    monkeypatch.setattr(Sampling, "load", watched)
    config = write_config(street, tmp_path, FITS)
    reliseg.run_config(config, tmp_path / "out")
    plan = plan_from_config(read_config(config), tmp_path)
    use = disk_use(plan, plan.models[0].load())
    assert use == DiskUse(7 * 142 + 3 * 100 + 5 * 66, 10, sum(sizes[0]) - 128 * len(sizes[0]))
    code, said = said_by_check(config)
    assert code == 0, said
    assert f"model net: {use}" in said
    assert f"calibrations are fitted on about {use.pixels:,} pixels and 10 whole images, " in str(use)


def test_check_tells_of_predictions_without_the_features_that_a_fit_needs(tmp_path, said_by_check):
    street = make_street(tmp_path / "street", cal=10, day=2, dusk=1)
    config = write_config(street, tmp_path / "none", [{"on": [B], "methods": ["ts", "cluster-ts(k=2, seed=1)"]}])
    code, said = said_by_check(config)
    assert code == 2
    line = "model net: calibration on street/b: cluster_ts(k=2,seed=1) needs a feature of each image, "
    assert said.count(line) == 1
    for path in (street.root / "logits").rglob("*.npz"):
        np.savez(path, logits=np.load(path)["logits"], feature=np.ones(3, np.float32))
    assert said_by_check(config)[0] == 0


def test_check_tells_of_too_few_images_and_of_a_first_image_that_cannot_be_predicted(tmp_path, said_by_check):
    street = make_street(tmp_path / "street", cal=10, day=2, dusk=1)
    fits = [{"on": [B], "methods": ["cluster-ts(k=4, seed=1)", "cluster-ts(k=3, seed=1)"]}]
    code, said = said_by_check(write_config(street, tmp_path / "few", fits))
    assert code == 2
    assert "calibration on street/b: cluster_ts(k=4,seed=1) needs at least 4 images and has 3; use more images" in said
    assert "cluster_ts(k=3,seed=1) needs" not in said
    np.savez(street.logits("val", 0), logits=np.full((11, 6, 8), -np.inf, np.float32))
    code, said = said_by_check(write_config(street, tmp_path / "bad", [{"on": [A], "methods": ["lts"]}]))
    assert code == 2
    assert "model net on street: " in said
    assert "the model gave logits of -inf" in said
