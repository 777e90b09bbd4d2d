"""The page 'What is checked, and when' is true: each row is a fault that is made here, before all commands."""

import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from helpers.street import Street, add_features, make_street
from PIL import Image

from reliseg import cli

PAGE = Path(__file__).parents[1] / "docs" / "checks.md"
COMMANDS = ("check", "check --full", "run")
LATE = 2009
"""Of the tenth sample of a domain: the masks of the first eight are decoded by each check."""
PYTHON = {"name": "net", "kind": "python", "where": "net.py:build", "labels": "camvid"}


def table() -> dict[str, dict[str, str]]:
    """What the page says: for each fault, the cell of each command."""
    rows = re.findall(r"^\| (.+?) \| (\S+) \| (\S+) \| (\S+) \|$", PAGE.read_text(), re.MULTILINE)
    return {row[0]: dict(zip(COMMANDS, row[1:], strict=True)) for row in rows if row[1] not in ("---", "`check`")}


def change(street: Street, **sections: object) -> None:
    street.write(street.content() | sections)


def model(street: Street, body: str) -> None:
    """Make the model a function of an image: this is its body."""
    lines = "\n".join(f"        {line}" for line in body.splitlines())
    (street.root / "net.py").write_text(
        f"import numpy as np\n\nzeros = np.zeros((11, 6, 8), np.float32)\n\n"
        f"def build():\n    def model(image):\n{lines}\n    return model\n"
    )
    change(street, models=[PYTHON])


def model_of_array(street: Street, array: np.ndarray, **options: str) -> None:
    """Make the model a function that gives this array for each image."""
    np.save(street.root / "array.npy", array.astype(np.float32))
    model(street, f"return np.load({str(street.root / 'array.npy')!r})")
    change(street, models=[PYTHON | options])


def all_nan(street: Street) -> None:
    for path in (street.root / "logits").rglob("*.npz"):
        np.savez(path, logits=NAN)


def methods(street: Street, *names: str) -> None:
    change(street, calibration=[{"on": ["street/cal"], "methods": list(names)}])


def interpolated(street: Street) -> None:
    """Make all masks of the tested domain twice as large as they were drawn."""
    areas = np.kron([[0, 6, 1, 9], [8, 2, 10, 4]], np.ones((6, 4))).astype(np.uint8)
    for path in (street.root / "data" / "testannot").iterdir():
        Image.fromarray(areas).resize((32, 24), Image.Resampling.BILINEAR).save(path)


def mask(street: Street, i: int, pixels: np.ndarray) -> None:
    Image.fromarray(pixels).save(street.mask("test", i))


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-30])


def void(street: Street) -> None:
    for path in (street.root / "data" / "testannot").iterdir():
        Image.fromarray(np.full((24, 32), 11, np.uint8)).save(path)


def shared_scene(street: Street) -> None:
    domains = {"cal": {"split": "val", "scenes": ["s0"]}, "day": {"split": "train"}, "dusk": {"split": "test"}}
    for kind in (street.image, street.mask):
        shutil.copy(kind("test", LATE), kind("test", 3))
    shutil.copy(street.logits("test", LATE), street.logits("test", 3))
    change(street, datasets=[street.content()["datasets"][0] | {"domains": domains}])


def largest(street: Street) -> None:
    model(street, "if image.shape[0] > 300 and image.shape[0] < 500:\n    raise RuntimeError('odd')\nreturn zeros")
    Image.fromarray(np.zeros((400, 400, 3), np.uint8)).save(street.image("test", LATE))
    mask(street, LATE, np.zeros((400, 400), np.uint8))


NAN = np.full((11, 6, 8), np.nan, np.float32)
SHARES = (np.arange(11 * 6 * 8).reshape(11, 6, 8) % 7 + 1).astype(np.float32)

FAULTS: dict[str, tuple[Callable[[Street], object], str]] = {
    "a key, a name or a value that does not exist": (lambda s: change(s, scores=["mps"]), "unknown score 'mps'"),
    "a file or folder that is not there": (lambda s: shutil.rmtree(s.root / "data"), "is not a folder"),
    "a domain that is tested and calibrated on": (lambda s: change(s, test={"on": ["street/cal"]}), "shares"),
    "an image without mask, or a mask without image": (lambda s: s.mask("test", LATE).unlink(), "without mask"),
    "an empty file, or one that is no image": (lambda s: s.image("test", LATE).write_bytes(b""), f"{LATE}.png"),
    "a mask of another size than its image": (lambda s: mask(s, LATE, np.zeros((9, 9), np.uint8)), "mask has height 9"),
    "an image of 16 bits": (
        lambda s: Image.fromarray(np.zeros((24, 32), np.uint16)).save(s.image("test", LATE)),
        f"{LATE}.png",
    ),
    "an id without a role, in one of a domain's first 8 masks": (
        lambda s: mask(s, 2000, np.full((24, 32), 99, np.uint8)),
        "id 99",
    ),
    "an id without a role, in a later mask": (lambda s: mask(s, LATE, np.full((24, 32), 99, np.uint8)), "id 99"),
    "a later mask that cannot be decoded": (lambda s: cut_off(s.mask("test", LATE)), f"{LATE}.png"),
    "no class in any mask": (void, "belongs to a class"),
    "masks that were interpolated, or whose palette has the colors of other classes": (
        interpolated,
        "ids at the edges of areas lie between",
    ),
    "scenes of a calibration split in a tested domain": (shared_scene, "shares scenes with street/cal"),
    "a copy of a calibration image under another name": (
        lambda s: shutil.copy(s.image("val", 1), s.image("test", LATE)),
        "this is the same image as s0/s0_0001",
    ),
    "code or weights that cannot be loaded": (lambda s: change(s, models=[PYTHON]), "no file"),
    "another number of classes than `labels`": (lambda s: model(s, "return zeros[1:]"), "10 classes"),
    "a softmax in the place of logits": (
        lambda s: model_of_array(s, SHARES / SHARES.sum(axis=0)),
        "gives probabilities, not logits",
    ),
    "a softmax that was rounded, scaled or summed, or a sigmoid": (
        lambda s: model_of_array(s, np.round(100 * SHARES / SHARES.sum(axis=0))),
        "gives probabilities, not logits",
    ),
    "probabilities that do not sum to 1, where they are asked for": (
        lambda s: model_of_array(s, SHARES / 100, values="probabilities"),
        "gives probabilities that sum to",
    ),
    "a stored prediction that is damaged, or holds something else": (
        lambda s: cut_off(s.logits("test", LATE)),
        f"{LATE}.npz",
    ),
    "a sample without a stored prediction of its own, or with two": (
        lambda s: s.logits("test", LATE).unlink(),
        "without a stored prediction",
    ),
    "NaN or infinite logits for every image": (all_nan, "NaN or infinite logits"),
    "an error for the largest image": (largest, "model net raised RuntimeError: odd"),
    "NaN or infinite logits for one image": (
        lambda s: np.savez(s.logits("test", LATE), logits=NAN),
        "NaN or infinite logits",
    ),
    "other logits the second time": (
        lambda s: model(s, "return np.random.normal(size=zeros.shape).astype(np.float32)"),
        "other logits the second time",
    ),
    "a method that needs more images than its split has": (
        lambda s: methods(add_features(s), "cluster_ts(k=9,seed=1)"),
        "cluster_ts",
    ),
    "a method that needs a feature, and a model without": (lambda s: methods(s, "cluster_ts(k=2,seed=1)"), "feature"),
}
OF_OTHERS = {
    "a stored prediction that would serve two images": "tests/models/kinds/test_stored.py",
    "a metric, score or method of a package that is broken": "tests/test_registry.py",
    "`--out` is no folder, or holds something else": "tests/run/test_folder.py",
    "another process works in `--out`": "tests/run/test_lock.py",
}
"""Rows that other tests hold."""


def test_each_row_of_the_page_is_tried_and_each_fault_has_its_row():
    assert table().keys() == FAULTS.keys() | OF_OTHERS.keys()
    assert all((PAGE.parents[1] / file).is_file() for file in OF_OTHERS.values())


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_street(tmp_path_factory.mktemp("whole") / "street", cal=3, day=2, dusk=12).root


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_what_the_page_says_of_a_fault_is_so(fault, whole, tmp_path, monkeypatch, capsys):
    street = Street(tmp_path / "street")
    shutil.copytree(whole, street.root)
    damage, words = FAULTS[fault]
    damage(street)
    for command, cell in table()[fault].items():
        verb, *options = command.split()
        out = ["--out", str(tmp_path / "out")] if verb == "run" else []
        monkeypatch.setattr(sys, "argv", ["reliseg", verb, str(street.config), *options, *out])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        err = capsys.readouterr().err
        code = {"refused": 2, "incomplete": 1, "noted": 0, "-": 0}[cell]
        assert ended.value.code == code, f"{command}: {err}"
        assert (words in err) == (cell != "-"), f"{command}: {err}"
        assert "unexpected" not in err
