"""Inputs that could be read otherwise than they were meant, a row each: refused, said, or read right by the command."""

import json
import math
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
from helpers.street import CLASSES, SIZE, Street, make_street
from PIL import Image
from scipy.special import log_softmax

from reliseg import cli
from reliseg.results import Results

pytestmark = pytest.mark.slow
NAMES = "abcdefghijk"
NETWORK = """
import torch
{more}
class Network(torch.nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layer = torch.nn.Conv2d(3, 11, 4, stride=4)
    def forward(self, x):
        z = self.layer(x)
        {give}
def network():
    return Network()
"""


@dataclass
class World:
    """A study of stored predictions, to be changed."""

    street: Street
    capsys: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch

    @property
    def root(self) -> Path:
        return self.street.root

    @property
    def out(self) -> Path:
        return self.root / "out"

    def change(self, **sections: Any) -> None:
        self.street.write(self.street.content() | sections)

    def model(self, **options: Any) -> None:
        self.change(models=[self.street.content()["models"][0] | options])

    def data(self, **options: Any) -> None:
        self.change(datasets=[self.street.content()["datasets"][0] | options])

    def network(self, give: str = "return z", more: str = "", **options: Any) -> None:
        (self.root / "network.py").write_text(NETWORK.format(give=give, more=more))
        model = {"name": "net", "kind": "python", "where": "network.py:network", "labels": "camvid"}
        self.change(models=[model | options])

    def spec(self, text: str, **options: Any) -> None:
        (self.root / "own.toml").write_text(text)
        self.data(spec="own.toml", **options)

    def mask(self, **stored: np.ndarray) -> None:
        for path in (self.root / "data").glob("*annot/*.png"):
            with Image.open(path) as picture:
                ids = np.asarray(picture)
            Image.fromarray(stored["map"][ids]).save(path)

    def logits(self, change: Callable[[np.ndarray], np.ndarray], name: str = "logits") -> None:
        for path in (self.root / "logits").rglob("*.npz"):
            np.savez(path, **{name: change(np.load(path)["logits"])})

    def command(self, *words: object) -> tuple[int, str, str]:
        """Exit code, output and errors."""
        self.monkeypatch.setattr(sys, "argv", ["reliseg", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = self.capsys.readouterr()
        for text in (out, err):
            assert "Traceback" not in text
            assert "reliseg: unexpected" not in text
        return int(ended.value.code or 0), out, err

    def run(self) -> tuple[int, str, str]:
        return self.command("run", self.street.config, "--out", self.out)


Change: TypeAlias = Callable[[World], object]


@pytest.fixture
def world(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> World:
    world = World(make_street(tmp_path / "street", cal=2, day=2, dusk=1), capsys, monkeypatch)
    world.change(scores=["msp", "max_logit"], metrics=["segmentation", "calibration_error", "likelihood"])
    monkeypatch.chdir(tmp_path)
    return world


def softmax(z: np.ndarray) -> np.ndarray:
    return np.exp(log_softmax(z.astype(np.float64), axis=0)).astype(np.float32)


def zero_row(z: np.ndarray) -> np.ndarray:
    p = softmax(z)
    p[:, 0] = 0
    return p


def two_label_spaces(world: World) -> None:
    models = []
    for folder, prefix in (("one", "x"), ("two", "y")):
        (world.root / folder).mkdir()
        (world.root / folder / "labels.toml").write_text(f"classes = {[prefix + n for n in NAMES]}")
        models.append(world.street.content()["models"][0] | {"name": folder, "labels": f"{folder}/labels.toml"})
    world.change(models=models)
    world.data(projection={"labels": list(range(CLASSES))})


def own_cityscapes(world: World) -> None:
    from reliseg.labels import label_space

    (world.root / "cityscapes.toml").write_text(f"classes = {list(label_space('cityscapes').classes[::-1])}")
    world.model(labels="cityscapes.toml")
    world.logits(lambda z: np.concatenate([z, z[:8]]))


def flat_predictions(world: World) -> None:
    """One prediction in a folder of another scene, called like the sample."""
    file = world.street.logits("train", 1000)
    (file.parent.parent / "elsewhere").mkdir()
    file.rename(file.parent.parent / "elsewhere" / file.name)


def train_ids(world: World) -> None:
    from reliseg.data.spec import read_spec

    known = read_spec("cityscapes").label_map["known"]
    world.spec(
        'labels = "cityscapes"\nimage = "{split}/{stem}.png"\nmask = "{split}annot/{stem}.png"\n'
        '[derive]\nscene = { from = "stem", pattern = "([^_]+)_.+" }\n'
        "[label_map]\nknown = {" + ", ".join(f"{raw} = {i}" for raw, i in known.items()) + '}\nunlisted = "void"\n'
    )
    world.model(labels="cityscapes")
    world.logits(lambda z: np.concatenate([z, z[:8]]))


def shared_mask(world: World) -> None:
    for scene in ("a", "b"):
        (world.root / "two" / scene).mkdir(parents=True)
        Image.new("RGB", (32, 24)).save(world.root / "two" / scene / "s1.png")
    (world.root / "two/masks").mkdir()
    Image.new("L", (32, 24)).save(world.root / "two/masks/s1.png")
    world.spec(
        'labels = "camvid"\nimage = "{scene}/{stem}.png"\nmask = "masks/{stem}.png"\n[label_map]\nknown = "identity"\n'
        '[fields]\nscene = "a|b"\n[domains]\nday = {}\n',
        root="two",
        domains=None,
    )
    world.change(calibration=[], test={})


def huge_image(world: World) -> None:
    path = world.street.image("train", 1000)
    Image.new("L", (20000, 20000)).save(path)
    Image.new("L", (20000, 20000)).save(world.street.mask("train", 1000))


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def bits(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(bytes(data))


def saved_as(path: Path, kind: str, **options: Any) -> None:
    with Image.open(path) as picture:
        Image.fromarray(np.asarray(picture)).save(path, kind, **options)


def turned(path: Path, kind: str) -> None:
    exif = Image.Exif()
    exif[274] = 6
    saved_as(path, kind, exif=exif)


def animated(path: Path) -> None:
    frames = [Image.new("RGB", (SIZE[1], SIZE[0]), c) for c in ("red", "blue")]
    frames[0].save(path, "GIF", save_all=True, append_images=frames[1:])


def wide(path: Path) -> None:
    Image.fromarray(np.zeros(SIZE, np.uint16)).save(path)


def config_text(text: str) -> Change:
    return lambda world: world.street.config.write_text(text)


def renamed(world: World, name: str) -> None:
    """Call an image and its files so."""
    for path in (world.street.image("train", 1000), world.street.mask("train", 1000)):
        path.rename(path.with_name(f"{name}.png"))
    file = world.street.logits("train", 1000)
    folder = file.parents[1] / name.partition("_")[0]
    folder.mkdir(exist_ok=True)
    file.rename(folder / f"{name}.npz")


FIRST = ("train", 1000)
REFUSED: Mapping[str, tuple[Change, str]] = {
    "a projection by a name that two label spaces have": (two_label_spaces, "is the name of two label spaces"),
    "a file with the name of a shipped label space, in another order": (own_cityscapes, "no projection"),
    "a prediction in another scene's folder": (flat_predictions, r"s142/s142_1000"),
    "two files for one sample": (
        lambda w: np.save(w.street.logits(*FIRST).with_suffix(".npy"), np.zeros((11, 6, 8), np.float32)),
        r"s142_1000\.np[yz].* and .*s142_1000\.np[yz]",
    ),
    "one mask for images of two scenes": (
        shared_mask,
        r"one mask, masks/s1\.png, for two images of different scenes, a/s1\.png and b/s1\.png",
    ),
    "ids as a text": (
        lambda w: w.data(label_map={"known": "identity", "unknown": "12"}),
        "unknown holds a list of whole numbers, .* not '12'",
    ),
    "an id twice": (
        lambda w: w.street.config.write_text(
            w.street.config.read_text().replace(
                "root: data", "label_map: {known: {0: 0, 00: 1}, void: [255]}\n  root: data"
            )
        ),
        "raw id 0 is listed twice",
    ),
    "an id with an underscore": (lambda w: w.data(label_map={"known": {"1_0": 0}}), "1_0"),
    "probabilities, one row zero": (lambda w: w.logits(zero_row), "gives probabilities, not logits"),
    "probabilities of 8 bits": (
        lambda w: w.logits(lambda z: np.round(softmax(z) * 255).astype(np.float32) / 255),
        "prob",
    ),
    "percentages": (lambda w: w.logits(lambda z: softmax(z) * 100), "gives probabilities, not logits"),
    "sums of probabilities": (lambda w: w.logits(lambda z: softmax(z) * 3), "gives probabilities, not logits"),
    "sigmoids": (lambda w: w.logits(lambda z: 1 / (1 + np.exp(-z))), "gives probabilities, not logits"),
    "transposed": (lambda w: w.network("return z.transpose(2, 3)"), "height and width are swapped"),
    "channels last": (lambda w: w.network("return z.permute(0, 2, 3, 1)"), "channels last"),
    "two tensors that fit": (
        lambda w: w.network("return {'aux': 0 * z, 'main': z}"),
        "2 arrays of 11 channels.*for example output: aux",
    ),
    "a mean of 255ths": (
        lambda w: w.network(mean=[123.675, 116.28, 103.53]),
        r"divide by 255: \[0\.485, 0\.456, 0\.406\]",
    ),
    "a deviation of zero": (lambda w: w.network(std=[0.2, 0, 0.2]), "std is .*; give positive numbers"),
    "a negative deviation": (lambda w: w.network(std=[0.2, -0.2, 0.2]), "std is .*; give positive numbers"),
    "a turned PNG": (lambda w: turned(w.street.image(*FIRST), "PNG"), "stored rotated"),
    "a turned WebP": (lambda w: turned(w.street.image(*FIRST), "WEBP"), "stored rotated"),
    "an animation": (lambda w: animated(w.street.image(*FIRST)), "it holds 2 pictures"),
    "16 bits": (lambda w: wide(w.street.image(*FIRST)), "the image is 16-bit"),
    "a pipe in the place of an image": (lambda w: pipe(w.street.image(*FIRST)), "pipe"),
    "a picture of 400 megapixels": (huge_image, "too large; the limit is 125000000 pixels"),
    "a name that is too long": (lambda w: w.model(name="n" * 300), "has 300 bytes, and the limit is 255"),
    "aliases of aliases": (
        config_text(
            "a: &a [x, x, x, x, x, x, x, x, x]\n"
            + "".join(f"{chr(98 + i)}: &{chr(98 + i)} [{', '.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(9))
        ),
        "more than 250000 values",
    ),
    "a recursive anchor": (config_text("models: &a [*a]\n"), "&a contains itself"),
    "a tag": (config_text("models: !!python/object/apply:os.system [ls]\n"), "the tag .* has no meaning here"),
    "5,000 digits": (
        lambda w: w.street.config.write_text(f"{w.street.config.read_text()}seed: {'9' * 5000}\n"),
        "seed",
    ),
    "deep nesting": (config_text("a: " + "[" * 5000 + "]" * 5000), "nested more than 50 deep"),
    "a pipe in the place of a spec": (lambda w: (w.spec("x"), pipe(w.root / "own.toml")), "own.toml: .*it is a pipe"),
    "a folder that is not there": (
        lambda w: w.change(models=[{"name": "n", "kind": "hf", "where": "hf/nothere"}]),
        "nothere",
    ),
    "a text in the place of an array": (lambda w: w.street.logits("val", 0).write_text("x"), "s0_0000"),
}


@pytest.mark.parametrize("row", REFUSED)
def test_it_is_refused_by_check_and_run_before_anything_is_evaluated(world: World, row: str) -> None:
    change, reason = REFUSED[row]
    change(world)
    for words in (("check", world.street.config), ("run", world.street.config, "--out", world.out)):
        code, _, err = world.command(*words)
        assert code == 2, err
        lines = [line for line in err.splitlines() if line.startswith("reliseg: ")]
        assert any(re.search(reason, line) for line in lines), lines
    assert not (world.out / "statistics").exists()


ON_EVERY_IMAGE: Mapping[str, tuple[Change, str]] = {
    "a network that fails at this size": (
        lambda w: w.network("assert x.shape[2] != 24, 'bad size'; return z"),
        r"bad size .*at height 32, width 32 it works, so set resize.*height 24, width 32",
    ),
    "logits that are not numbers": (lambda w: w.network("return z * float('nan')"), "NaN"),
}


@pytest.mark.parametrize("row", ON_EVERY_IMAGE)
def test_what_fails_on_every_image_is_found_by_check_and_said_once_for_a_domain(world: World, row: str) -> None:
    change, reason = ON_EVERY_IMAGE[row]
    change(world)
    code, _, err = world.command("check", world.street.config)
    assert code == 2, err
    assert re.search(reason, err), err
    code, _, err = world.run()
    assert code == 1, err
    for domain in ("cal", "day", "dusk"):
        (line,) = (line for line in err.splitlines() if line.startswith(f"reliseg: net on street/{domain}: "))
        assert len(re.findall(reason, line)) == 1
        assert len(line) < 500


LATER: Mapping[str, tuple[Change, str]] = {
    "a flipped bit in a mask": (lambda w: bits(w.street.mask(*FIRST)), "checksum|inflated"),
    "a flipped bit in an image": (lambda w: (w.network(), bits(w.street.image(*FIRST))), "checksum|inflated"),
    "a pipe in the place of a prediction": (lambda w: pipe(w.street.logits(*FIRST)), "pipe|no stored prediction"),
    "an array of another shape": (
        lambda w: np.savez(w.street.logits(*FIRST), logits=np.zeros((7, 6, 8), np.float32)),
        "7 classes",
    ),
    "an array with nothing in it": (lambda w: np.savez(w.street.logits(*FIRST), logits=np.zeros((11, 0, 8))), "logits"),
    "not an array": (lambda w: w.street.logits(*FIRST).write_bytes(b"PK\x03\x04no"), "s142_1000"),
}


@pytest.mark.parametrize("row", LATER)
def test_it_is_refused_by_a_full_check_and_by_the_run_that_meets_it(world: World, row: str) -> None:
    change, reason = LATER[row]
    change(world)
    code, _, err = world.command("check", "--full", world.street.config)
    assert code == 2, err
    assert re.search(reason, err), err
    code, _, err = world.run()
    assert code in (1, 2), err
    assert re.search(reason, err), err


def odd_places(world: World) -> None:
    deep = world.root / "data/train/more"
    deep.mkdir()
    Image.new("RGB", (32, 24)).save(deep / "s142_1009.png")


SAID: Mapping[str, tuple[Change, str]] = {
    "train ids under a map of raw ids": (train_ids, "train ids"),
    "nearly all void": (lambda w: w.mask(map=np.r_[0, np.full(255, 11)].astype(np.uint8)), "% .*void|void.*%"),
    "images that no template takes": (odd_places, "s142_1009"),
    "a network that is random": (
        lambda w: w.network("return torch.nn.functional.dropout(z, 0.5, training=True)"),
        "other logits the second time",
    ),
    "a network that trains itself": (
        lambda w: (
            w.network("return self.norm(z)", more="", args={})
            or (w.root / "network.py").write_text(
                (w.root / "network.py")
                .read_text()
                .replace("self.layer =", "self.norm = torch.nn.Dropout(0.5)\n        self.layer =")
                .replace("z = self.layer", "self.train(); z = self.layer")
            )
        ),
        "other logits the second time",
    ),
}


@pytest.mark.parametrize("row", SAID)
def test_it_is_said_by_check_and_by_run(world: World, row: str) -> None:
    change, reason = SAID[row]
    change(world)
    for words in (("check", world.street.config), ("run", world.street.config, "--out", world.out)):
        code, _, err = world.command(*words)
        assert code == 0, err
        assert re.search(reason, err), err


def values(world: World, metric: str, domain: str = "day", calibration: str = "identity") -> float | None:
    row = Results.read(world.out / "results.json").where(metric=metric, domain=domain, calibration=calibration).rows[0]
    return row.value


def miou_by_hand(world: World, known: Mapping[int, int] | None = None) -> float:
    """Of the domain `day`, by the definition, from logits at full resolution."""
    table = np.zeros((CLASSES, CLASSES), np.int64)
    for path in sorted((world.root / "data/train").glob("*.png")):
        with Image.open(world.root / "data/trainannot" / path.name) as picture:
            truth = np.asarray(picture)
        z = np.load(world.root / "logits" / path.stem.partition("_")[0] / f"{path.stem}.npz")["logits"]
        guess = z.argmax(axis=0)
        counted = truth < CLASSES
        np.add.at(table, (truth[counted], guess[counted]), 1)
    inside = np.diag(table)
    every = table.sum(0) + table.sum(1) - inside
    return float((inside[every > 0] / every[every > 0]).mean())


def full_size(world: World) -> None:
    world.logits(lambda z: z.repeat(4, axis=1).repeat(4, axis=2))


def as_probabilities(world: World) -> None:
    def sharp(z: np.ndarray) -> np.ndarray:
        p = softmax(z * 9)
        p[p < 1e-4] = 0
        return (p / p.sum(axis=0)).astype(np.float32)

    full_size(world)
    world.logits(sharp, "probabilities")


def test_stored_logits_give_the_numbers_by_the_definition(world: World) -> None:
    full_size(world)
    assert world.run()[0] == 0
    assert values(world, "miou") == pytest.approx(miou_by_hand(world), abs=1e-12)


def test_probabilities_give_the_numbers_by_the_definition(world: World) -> None:
    as_probabilities(world)
    code, _, err = world.run()
    assert code == 0, err
    right, p_max, zeros = [], [], 0
    for path in sorted((world.root / "data/train").glob("*.png")):
        with Image.open(world.root / "data/trainannot" / path.name) as picture:
            truth = np.asarray(picture)
        p = np.load(world.root / "logits" / path.stem.partition("_")[0] / f"{path.stem}.npz")["probabilities"]
        p = p.astype(np.float64) / p.astype(np.float64).sum(axis=0)
        counted = truth < CLASSES
        own = np.take_along_axis(p, np.minimum(truth, CLASSES - 1)[None].astype(int), 0)[0]
        right.append((p.argmax(axis=0) == truth)[counted])
        p_max.append(p.max(axis=0)[counted])
        zeros += int((own[counted] == 0).sum())
    right, p_max = np.concatenate(right), np.concatenate(p_max)
    edges = np.ceil(p_max * 15) - 1
    parts = [(edges == b) for b in range(15)]
    ece = sum(abs(right[b].sum() - p_max[b].sum()) for b in parts) / len(right)
    assert values(world, "ece") == pytest.approx(ece, abs=1e-6)
    assert zeros > 0
    row = Results.read(world.out / "results.json").where(metric="nll", domain="day", calibration="identity").rows[0]
    assert row.value is None or math.isnan(row.value)
    assert str(zeros) in row.why.replace(",", ""), row.why


def test_what_save_logits_writes_is_what_stored_reads(world: World) -> None:
    assert world.command("run", world.street.config, "--out", world.out, "--save", "logits")[0] == 0
    saved = next(path for path in (world.out / "saved/net").iterdir())
    first = values(world, "miou")
    for where in (saved, saved.parent):
        world.model(where=str(where))
        code, _, err = world.command("run", world.street.config, "--out", f"{world.out}-{where.name}")
        assert code == 0, err
        again = Results.read(Path(f"{world.out}-{where.name}") / "results.json")
        assert again.where(metric="miou", domain="day", calibration="identity").rows[0].value == pytest.approx(
            first, abs=2e-3
        )


def test_names_are_the_text_of_the_file(world: World) -> None:
    renamed(world, "0016E5_1")
    domains = {"cal": {"split": "val"}, "day": {"split": "train", "scenes": ["0016E5"]}, "dusk": {"split": "test"}}
    world.data(domains=domains)
    text = world.street.config.read_text().replace("'0016E5'", "0016E5")
    world.street.config.write_text(text)
    assert "- 0016E5\n" in text
    code, _, err = world.run()
    assert code == 0, err
    manifest = json.loads((world.out / "manifest.json").read_text())
    assert list(manifest["samples"]["street/day"]) == ["0016E5/0016E5_1"]


@pytest.mark.parametrize("name", ["s142_é\x1b[2J", "s142_\u202ex", "=cmd_1", "@s_1"])
def test_names_of_files_reach_no_terminal_as_they_are(world: World, name: str) -> None:
    renamed(world, name)
    bits(world.root / "data/trainannot" / f"{name}.png")
    code, out, err = world.run()
    assert code in (1, 2), err
    assert "\x1b" not in out + err
    assert "\u202e" not in out + err


def test_colors_of_void_and_unknown_can_be_named(world: World) -> None:
    from reliseg.labels import label_space

    palette = np.array([*label_space("camvid").palette, (1, 1, 1), (2, 2, 2)], np.uint8)
    full_size(world)
    expected = None
    for colors in (False, True):
        if colors:
            world.mask(map=palette[np.minimum(np.arange(256), 11)])
            world.data(label_map={"encoding": "color", "void": [[1, 1, 1]], "unknown": [[2, 2, 2]]})
        code, _, err = world.command("run", world.street.config, "--out", f"{world.out}-{colors}")
        assert code == 0, err
        found = (Path(f"{world.out}-{colors}") / "results.csv").read_bytes()
        expected = expected or found
        assert found == expected


def test_the_output_that_is_named_is_taken(world: World) -> None:
    numbers = []
    for give, options in (("return z", {}), ("return {'aux': 0 * z, 'main': z}", {"output": "main"})):
        world.network(give, **options)
        code, _, err = world.command("run", world.street.config, "--out", f"{world.out}-{len(numbers)}")
        assert code == 0, err
        numbers.append((Path(f"{world.out}-{len(numbers)}") / "results.csv").read_bytes())
    assert numbers[0] == numbers[1]


def test_print_in_a_network_is_no_output(world: World) -> None:
    world.network("print('hello'); return z")
    code, out, err = world.run()
    assert code == 0, err
    assert "hello" not in out
    assert "hello" in err


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_that_cannot_print_a_name_replaces_it(world: World, encoding: str) -> None:
    renamed(world, "s142_\u00e9\u4e2d")
    command = [sys.executable, "-m", "reliseg", "check", str(world.street.config)]
    bits(world.street.root / "data/trainannot/s142_\u00e9\u4e2d.png")
    ended = subprocess.run(
        [*command, "--full"], env={**os.environ, "PYTHONIOENCODING": encoding}, capture_output=True, check=False
    )
    assert ended.returncode == 2
    assert b"Traceback" not in ended.stderr
    assert b"s142_" in ended.stderr
