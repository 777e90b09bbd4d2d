"""The Python interface with objects: modules, callables, and what is wrong with them."""

import re
from dataclasses import fields, replace
from inspect import signature
from pathlib import Path

import numpy as np
import pytest
import torch
import typer
from helpers.street import make_street

import reliseg
from reliseg import cli
from reliseg.cli_options import CommandOptions
from reliseg.config.settings import Settings
from reliseg.data import DataOptions
from reliseg.models import ModelOptions


@pytest.fixture(scope="module")
def street(tmp_path_factory):
    return make_street(tmp_path_factory.mktemp("street"), cal=3, day=4, dusk=4)


@pytest.fixture
def data(street):
    domains = {"cal": {"split": "val"}, "day": {"split": "train"}, "dusk": {"split": "test"}}
    return reliseg.open_dataset("camvid", street.root / "data", domains=domains)


def module():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3, 4, 1), torch.nn.ReLU(), torch.nn.Conv2d(8, 11, 1))


def test_a_module_is_evaluated_and_calibrated(data):
    model = reliseg.open_model(module(), labels="camvid")
    results = reliseg.evaluate(model, data, calibrate_on="camvid/cal", methods=["ts", "cluster-ts(k=2)"])
    pairs = {(r.domain, r.calibration) for r in results}
    clusters = ("cluster_ts(k=2)", "cluster_ts(k=2,seed=42)", "cluster_ts(k=2,seed=43)")
    names = ("identity", *(f"{m}@camvid/cal" for m in ("ts", *clusters)))
    assert pairs == {(d, c) for d in ("day", "dusk") for c in names}
    nll = [results.value("nll", domain="day", calibration=c) for c in names]
    assert nll[1] < nll[0]


def test_domains_of_several_data_sets_are_pooled_and_one_of_them_resized(street):
    sets = [
        reliseg.open_dataset("camvid", street.root / "data", name=name, domains={"all": {"split": split}}, **options)
        for name, split, options in (
            ("home", "val", {}),
            ("day", "train", {}),
            ("dusk", "test", {"resize": {"long": 24, "short": 18}}),
        )
    ]
    model = reliseg.open_model(module(), labels="camvid")
    pooled = {"away": ["day", "dusk/all"]}
    results = reliseg.evaluate(
        model, sets, test=["day", "dusk"], reference="home/all", pooled=pooled, metrics=["image_ood"]
    )
    assert {(r.dataset, r.n_images) for r in results} == {("day", 4), ("dusk", 4), ("away", 8)}


def test_a_module_with_other_weights_is_evaluated_by_itself_in_the_folder_of_another(data, tmp_path):
    out = tmp_path / "out"
    model = reliseg.open_model(module(), labels="camvid")
    first = reliseg.evaluate(model, data, test="camvid/day", out=out)
    again = reliseg.evaluate(reliseg.open_model(module(), labels="camvid"), data, test=["camvid/day"], out=out)
    assert first.to_csv() == again.to_csv()
    other = module()
    with torch.no_grad():
        other[0].bias.add_(1)
    changed = reliseg.evaluate(reliseg.open_model(other, labels="camvid"), data, test="camvid/day", out=out)
    alone = reliseg.evaluate(reliseg.open_model(other, labels="camvid"), data, test="camvid/day")
    assert first.to_csv() != changed.to_csv() == alone.to_csv()
    back = reliseg.evaluate(reliseg.open_model(module(), labels="camvid"), data, test="camvid/day", out=out)
    assert back.to_csv() == first.to_csv()


def test_a_callable_and_its_saved_logits_give_the_same(data, street):
    def predict(image):
        assert image.dtype == np.uint8
        logits = image[2::4, 2::4].astype(np.float32).mean(axis=2) / 50
        return np.stack([logits * ((c % 3) - 1) for c in range(11)])

    results = reliseg.evaluate({"mine": reliseg.open_model(predict, labels="camvid")}, [data], test="camvid/dusk")
    assert {r.model for r in results} == {"mine"}
    assert 0 <= results.value("ece") <= 1


@pytest.mark.parametrize(
    ("opener", "options", "own"),
    [
        (reliseg.open_model, ModelOptions, {"name", "kind", "where", "labels", "folder", "members"}),
        (reliseg.open_dataset, DataOptions, {"spec", "root", "folder"}),
    ],
)
def test_every_option_is_named_where_it_is_looked_up(opener, options, own):
    names = {f.name for f in fields(options)} - own
    page = (Path(__file__).parents[1] / "docs" / "python-api.md").read_text()
    section = page.partition(f"## `{opener.__name__}(")[2].partition("\n## ")[0]
    assert names <= set(re.findall(r"\w+", opener.__doc__))
    assert names <= set(re.findall(r"`(\w+)`", section))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda d: reliseg.evaluate(module(), d), "open_model"),
        (lambda d: reliseg.evaluate({"../x": reliseg.open_model(module(), labels="camvid")}, d), "plain name"),
        (lambda d: reliseg.evaluate(reliseg.open_model(module(), labels="camvid"), []), "no data set"),
        (lambda d: reliseg.evaluate(reliseg.open_model(module(), labels="camvid"), "camvid"), "open_dataset"),
        (lambda d: reliseg.open_model(module(), labels="camvid", wieghts="x"), "'weights'"),
        (lambda d: reliseg.open_model(module()), "labels"),
        (lambda d: reliseg.open_model("somewhere"), "KIND:WHERE"),
        (lambda d: data_with(d, lables="x"), "'labels'"),
        (lambda d: reliseg.evaluate(reliseg.open_model(module(), labels="camvid"), d, score=["msp"]), "'scores'"),
        (lambda d: reliseg.evaluate(reliseg.open_model(module(), labels="camvid"), d, reference="camvid"), "3 domains"),
        (lambda d: reliseg.evaluate(reliseg.open_model(module(), labels="camvid"), d, workers=0), "workers"),
    ],
)
def test_what_is_wrong_is_a_clear_error(data, wrong, message):
    with pytest.raises(reliseg.ReliSegError, match=message):
        wrong(data)


class TorchData(torch.utils.data.Dataset):
    """A data set that never says that it ends, as most of torch's do not."""

    def __getitem__(self, index):
        return torch.zeros(3, 8, 8), torch.zeros(8, 8)


def opened(**options):
    return reliseg.open_model(module(), **{"labels": "camvid"} | options)


def data_with(data, **options):
    return reliseg.open_dataset("camvid", data.root, **options)


def evaluated(data, **options):
    return reliseg.evaluate(opened(), data, **options)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda d: reliseg.evaluate(opened(), TorchData()), r"^data set is a TorchData; open it with reliseg"),
        (lambda d: reliseg.evaluate(opened(), [TorchData()]), r"^data set is a TorchData; open it"),
        (lambda d: reliseg.evaluate(opened(), module()), r"^data set is a Sequential; open it"),
        (lambda d: reliseg.evaluate(d, opened()), r"^data set is a PythonModel; open it"),
        (lambda d: reliseg.evaluate([module()], d), r"^model 'model' is a list; open it"),
        (lambda d: reliseg.open_model(d, labels="camvid"), r"returns a DataSet; it must return a torch.nn.Module or a"),
        (lambda d: reliseg.open_model(torch.nn.Conv2d, labels="camvid"), r"is the class Conv2d; give an object of it"),
        (lambda d: opened(labels=["road", "sky"]), r"^labels is a list; give the name of a label space that ships"),
        (lambda d: opened(labels=module()), r"^labels is a Sequential; give"),
        (lambda d: opened(weights=module().state_dict()), r"^model: weights: give"),
        (lambda d: opened(mean=0.5), r"^model: mean: give a list, not 0.5"),
        (lambda d: opened(std=("a", "b", "c")), r"^model: std.0: give a number"),
        (lambda d: opened(resize=512), r"^model: resize: give"),
        (lambda d: opened(args=[1]), r"^model: args: give keys with values"),
        (lambda d: opened(precision=torch.float16), r"^model: precision: give float32, bfloat16 or float16"),
        (lambda d: opened(threads=0), r"^settings: threads"),
        (lambda d: opened(device="quantum"), r"^settings: .*unknown device 'quantum'"),
        (lambda d: reliseg.open_dataset(TorchData(), "x"), r"^spec is a TorchData; give a text or a path$"),
        (lambda d: reliseg.open_dataset("camvid", module()), r"^root is a Sequential; give a text or a path$"),
        (lambda d: data_with(d, labels=["a", "b"]), r"^labels is a list; give the name of one that ships"),
        (lambda d: data_with(d, missing="skp"), r"^data set: missing: give error or skip, not"),
        (lambda d: data_with(d, annotations="non"), r"^data set: annotations: give required or"),
        (lambda d: data_with(d, domains=["day"]), r"^data set: domains: give keys with values"),
        (lambda d: data_with(d, domains={"d": {"scenes": [16]}}), r"^data set: domains.d.scenes"),
        (lambda d: data_with(d, label_map=[0]), r"^data set: label_map: give keys with values"),
        (lambda d: data_with(d, label_map={"void": "11"}), r"void holds a list of whole numbers"),
        (lambda d: reliseg.open_dataset("camvid", "~nobody_of_this_name"), r"^data set: root: no home folder is known"),
        (lambda d: reliseg.open_dataset("camvid", d.root, labels=d.labels), r"^labels is a LabelSpace; give the"),
        (lambda d: reliseg.open_dataset("camvid", "a" * 300), r"^data set: root: 'a+...' has 300 bytes"),
        (lambda d: data_with(d, image=5), r"^data set: image: give a word or a list, not 5"),
        (lambda d: data_with(d, name="a/b"), r"^data set: name: 'a/b' is not a plain name"),
        (lambda d: evaluated(d, progress=1), r"^progress is 1; give True, or an object with begin, advance"),
        (lambda d: evaluated(d, progress=print), r"^progress is <built-in function print>; give True, or an"),
        (lambda d: evaluated(d, checkpoint="5"), r"^checkpoint is '5'; give a number of seconds from 0$"),
        (lambda d: evaluated(d, checkpoint=-1), r"^checkpoint is -1; give a number of seconds from 0$"),
        (lambda d: evaluated(d, corrupt={"of": "camvid/day", "kind": "fog"}), r"unknown key 'kind' at corrupt"),
        (lambda d: evaluated(d, corrupt="fog"), r"^evaluate: corrupt"),
        (lambda d: evaluated(d, pictures=0), r"^pictures is 0; give a whole number from 1 to 1000"),
        (lambda d: evaluated(d, pictures=True), r"^pictures is True; give a whole number from 1 to 1000"),
        (lambda d: evaluated(d, save="color"), r"^save: the files lie in the folder of the run; give out too$"),
        (lambda d: evaluated(d, save="colour", out="x"), r"colour"),
        (lambda d: evaluated(d, save=5, out="x"), r"^save: give a name or a list of names, not 5$"),
        (lambda d: reliseg.compare(d, "ece"), r"^runs: give folders of runs, or Results; DataSet"),
        (lambda d: reliseg.compare([], "ece"), r"^runs: give at least one folder of a run, or Results$"),
        (lambda d: evaluated(d, class_="sky"), r"^evaluate has no keyword 'class_'; .*known: .*scores"),
        (lambda d: evaluated(d, calibrate="camvid/cal"), r"no keyword 'calibrate'; did you mean 'calib"),
        (lambda d: evaluated(d, labels=["sky"]), r"^evaluate has no keyword 'labels'"),
        (lambda d: evaluated(d, test=5), r"^test: give a name or a list of names, not 5"),
        (lambda d: evaluated(d, test=[5]), r"^test: give a name or a list of names; 5 is none"),
        (lambda d: evaluated(d, test=d.domains["day"]), r"^test: give a name or a list of names, not Do"),
        (lambda d: evaluated(d, calibrate_on=True), r"^calibrate_on: give a name or a list of names"),
        (lambda d: evaluated(d, calibrate_on="camvid/cal", methods=None), r"^methods: give a name or a"),
        (lambda d: evaluated(d, calibrate_on="camvid/cal", methods="tss"), r"'tss'; did you mean 'ts'"),
        (lambda d: evaluated(d, pooled=["camvid"]), r"^pooled is a list; give the domains of each pool by its name$"),
        (lambda d: evaluated(d, pooled={"all": 5}), r"^pooled: all: give a name or a list of names, not 5"),
        (lambda d: data_with(d, resize=512), r"^data set: resize: give"),
        (lambda d: evaluated(d, out=5), r"^out is a int; give a text or a path$"),
        (lambda d: evaluated(d, workers="2"), r"^workers is '2'; give a whole number from 1$"),
        (lambda d: evaluated(d, workers=True), r"^workers is True; give a whole number from 1$"),
        (lambda d: evaluated(d, seed=True), r"^settings: seed: give a whole number, not True$"),
        (lambda d: evaluated(d, limit=2.5), r"^settings: limit: give a whole number, not 2.5$"),
        (lambda d: evaluated(d, scores="msp"), r"^settings: scores: a list is needed; write \[msp\]$"),
        (lambda d: reliseg.evaluate({5: opened()}, d), r"^evaluate: models.0.name: give a word, not 5$"),
        (lambda d: reliseg.run_config(d, "x"), r"^config is a DataSet; give a text or a path$"),
    ],
)  # fmt: skip
def test_an_object_in_the_wrong_place_is_one_clear_line(data, wrong, message):
    with pytest.raises(reliseg.ReliSegError, match=message) as caught:
        wrong(data)
    assert "\n" not in str(caught.value)


def test_corrupted_copies_are_evaluated_as_a_configuration_says(data, tmp_path):
    model = reliseg.open_model(lambda image: np.repeat(image[None, :, :, 0] / 50, 11, axis=0), labels="camvid")
    section = {"of": "camvid/dusk", "kinds": ["fog"], "severities": [1, 3]}
    results = reliseg.evaluate(model, data, test="camvid/dusk", corrupt=section, limit=1, metrics=["segmentation"])
    assert {row.domain for row in results} == {"dusk", "dusk+fog-1", "dusk+fog-3"}


@pytest.fixture(scope="module")
def stored(street):
    """An evaluation without a folder of its own, which has shown its progress."""
    data = reliseg.open_dataset(
        "camvid", street.root / "data", domains={"cal": {"split": "val"}, "dusk": {"split": "test"}}
    )
    model = reliseg.open_model(f"stored:{street.root / 'logits'}", labels="camvid")
    return reliseg.evaluate({"net": model}, data, calibrate_on="camvid/cal", progress=True, checkpoint=0.5)


def test_results_of_no_folder_have_images_and_are_compared(stored):
    assert len(stored.images) == 8
    assert len(stored.where(calibration="identity", domain="camvid/dusk").images) == 4
    assert set(stored.images.worst(2)["domain"]) == {"dusk"}
    table = reliseg.compare(stored, "ece")
    assert {line.difference.units for line in table} == {"4 images"}
    assert (table.by, table.baseline) == ("calibration", "identity")
    for runs, first, other in (({"old": stored, "new": stored}, "old", "new"), ([stored, stored], "#1", "#2")):
        table = reliseg.compare(runs, "ece", calibration="identity", domain="dusk")
        assert (table.by, table.baseline) == ("run", first)
        assert [(line.run, line.difference.value, line.difference.units) for line in table] == [(other, 0, "4 images")]


def test_the_folder_of_results_goes_with_them(street):
    data = reliseg.open_dataset("camvid", street.root / "data", domains={"dusk": {"split": "test"}})
    model = reliseg.open_model(f"stored:{street.root / 'logits'}", labels="camvid")
    results = reliseg.evaluate(model, data)
    folder = results.folder()
    assert sorted(path.name for path in folder.iterdir() if not path.name.startswith(("config", "fits", "rel"))) == [
        *("curves.json", "images.csv", "manifest.json", "replicates", "results.csv", "results.json")
    ]
    part = results.where(metric="ece")
    del results
    assert part.folder() == folder
    del part
    assert not folder.exists()


def test_a_configuration_is_run_with_the_options_of_the_command(street, tmp_path):
    results = reliseg.run_config(
        street.config, tmp_path / "out", device="cpu", limit=2, save=["prediction", "color"], pictures=1, checkpoint=0
    )
    assert {row.n_images for row in results} == {2}
    assert {path.name for path in (tmp_path / "out" / "saved").rglob("*") if path.is_dir()} > {"net"}
    assert (tmp_path / "out" / "pictures" / "index.json").exists()
    with pytest.raises(reliseg.ReliSegError, match="run_config: limit"):
        reliseg.run_config(street.config, tmp_path / "out", limit=0)


OF_THE_COMMAND = {"stage", "part", "per", "engine", "address", "gpus_per_model", "actors", "log"}
"""Options for several processes, and for people at a terminal."""
OF_A_FILE = {"protocol", "reading", "without"}
OTHERWISE = {"data": "dataset", "calibrate": "methods", "score": "scores"}


def test_every_option_of_the_command_is_an_argument_in_python_or_for_the_command_alone():
    options = {p.name for p in typer.main.get_command(cli.app).commands["run"].params} - OF_THE_COMMAND
    of_evaluate = set(signature(reliseg.evaluate).parameters) | set(Settings.model_fields)
    assert {OTHERWISE.get(name, name) for name in options - OF_A_FILE - {"config"}} <= of_evaluate
    how = options - OF_A_FILE - {f.name for f in fields(CommandOptions)} | {"workers", "device", "limit"}
    assert how | {"progress"} == set(signature(reliseg.run_config).parameters)


def test_options_may_be_arrays_and_numbers_of_numpy():
    model = opened(
        mean=np.array([0.5, 0.5, 0.5]), std=np.float32([0.25, 0.25, 0.25]), threads=np.int64(1), device="cpu"
    )
    assert model.provenance()["normalisation"]["mean"] == (0.5, 0.5, 0.5)
    assert model.provenance()["threads"] == 1


def test_paths_of_a_data_set_may_be_path_objects(street, tmp_path):
    (tmp_path / "mine.toml").write_text(f"classes = {[f'c{i}' for i in range(11)]}\n")
    dataset = reliseg.open_dataset(
        "camvid",
        street.root / "data",
        labels=tmp_path / "mine.toml",
        image=Path("{split}/{stem}.png"),
        mask=[Path("{split}annot/{stem}.png")],
    )
    assert dataset.labels.classes[0] == "c0"
    assert dataset.domains["test"].samples


def test_a_tilde_is_the_home_folder_in_every_path(street, monkeypatch):
    monkeypatch.setenv("HOME", str(street.root))
    (street.root / "mine.toml").write_text(f"classes = {[f'c{i}' for i in range(11)]}\n")
    (street.root / "own.toml").write_text(
        'labels = "~/mine.toml"\nimage = "val/{stem}.png"\nmask = "valannot/{stem}.png"\n'
        "[label_map]\nvoid = [11]\n[domains]\nall = {}\n"
    )
    (street.root / "code.py").write_text(
        "import numpy as np\ndef build():\n    return lambda image: np.ones((11, *image.shape[:2]), np.float32)\n"
    )
    mirror = {"~/mine.toml": [*reversed(range(11))]}
    dataset = reliseg.open_dataset("~/own.toml", "~/data", labels="~/mine.toml", projection=mirror)
    assert dataset.labels.classes[10] == "c10"
    for where in ("stored:~/logits", "python:~/code.py:build"):
        model = reliseg.open_model(where, labels="~/mine.toml")
        assert dataset.projection(model.labels).groups == (*reversed(range(11)),)
    config = street.root / "home.yaml"
    config.write_text(
        "models: [{name: net, kind: stored, where: ~/logits/s0, labels: ~/mine.toml}]\n"
        "datasets: [{name: d, spec: ~/own.toml, root: ~/data}]\n"
    )
    assert reliseg.run_config(config, street.root / "out").value("miou", domain="all") > 0


def test_the_configuration_of_an_evaluation_can_be_run(data, street, tmp_path):
    model = reliseg.open_model(f"stored:{street.root / 'logits'}", labels="camvid")
    options = {"calibrate_on": "camvid/cal", "reference": "camvid/day", "scores": ["msp", "margin"], "limit": 3}
    results = reliseg.evaluate({"net": model}, data, out=tmp_path / "out", **options)
    written = tmp_path / "out" / "config.yaml"
    again = reliseg.run_config(written, tmp_path / "again")
    assert again.to_csv() == results.to_csv()
    assert {r.n_images for r in results} == {3}
    assert (tmp_path / "again" / "config.yaml").read_text() == written.read_text()


def test_the_configuration_of_an_object_in_memory_says_so_when_it_is_run(data, tmp_path):
    model = reliseg.open_model(module(), labels="camvid")
    reliseg.evaluate({"mine": model}, data, test="camvid/dusk", out=tmp_path / "out")
    with pytest.raises(reliseg.ReliSegError) as refusal:
        reliseg.run_config(tmp_path / "out" / "config.yaml", tmp_path / "again")
    assert str(refusal.value) == (
        "model mine was an object in Python; call reliseg.evaluate again, or write here kind: python, "
        "where: FILE.py:FUNCTION"
    )


def test_a_configuration_with_dropout_gives_the_same_numbers_or_is_refused_where_seeds_differ(data, tmp_path):
    (tmp_path / "net.py").write_text(
        "import torch\n"
        "from torch import nn\n"
        "def build():\n"
        "    torch.manual_seed(0)\n"
        "    return nn.Sequential(nn.Conv2d(3, 8, 3, stride=4, padding=1), nn.Dropout(0.5), nn.Conv2d(8, 11, 1))\n"
    )
    for seed, own in ((3, 3), (0, 3)):
        out = tmp_path / f"{seed}-{own}"
        model = reliseg.open_model(
            f"python:{tmp_path / 'net.py'}:build", labels="camvid", mc_dropout=2, seed=own, threads=1
        )
        results = reliseg.evaluate({"net": model}, data, test="camvid/dusk", out=out, seed=seed, limit=2, threads=1)
        if seed == own:
            assert reliseg.run_config(out / "config.yaml", tmp_path / "again").to_csv() == results.to_csv()
        else:
            with pytest.raises(reliseg.ReliSegError, match="model net was an object in Python"):
                reliseg.run_config(out / "config.yaml", tmp_path / "refused")


def test_the_configuration_of_a_data_set_in_memory_says_so_when_it_is_run(data, street, tmp_path):
    model = reliseg.open_model(f"stored:{street.root / 'logits'}", labels="camvid")
    fewer = replace(data, domains={"dusk": data.domains["dusk"]})
    reliseg.evaluate(model, fewer, out=tmp_path / "out")
    with pytest.raises(reliseg.ReliSegError, match="data set camvid was an object in Python; "):
        reliseg.run_config(tmp_path / "out" / "config.yaml", tmp_path / "again")
