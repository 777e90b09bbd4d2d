"""A tiny data set with stored predictions on disk, and the configuration that evaluates it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml
from PIL import Image

CLASSES = 11
SIZE = (24, 32)
STRIDE = 4
METRICS = ("calibration_error", "segmentation", "misclassification", "transfer")
SCORES = ("msp", "neg_entropy")
"""What the street's configuration asks for: numbers of pixels, of images, of a ranking and of a threshold, and a score
beside confidence. All others take most of the time of so small a run; `ask_for_all` is for tests of what is reported.
"""


@dataclass(frozen=True)
class Street:
    """Folders below `root`, and a configuration file."""

    root: Path

    @property
    def config(self) -> Path:
        return self.root / "street.yaml"

    def image(self, domain: str, i: int) -> Path:
        return self.root / "data" / domain / f"{scene(i)}_{i:04d}.png"

    def mask(self, domain: str, i: int) -> Path:
        return self.root / "data" / f"{domain}annot" / f"{scene(i)}_{i:04d}.png"

    def logits(self, domain: str, i: int) -> Path:
        return self.root / "logits" / f"{scene(i)}" / f"{scene(i)}_{i:04d}.npz"

    def content(self) -> dict:
        """Return the configuration, to be changed and written back by tests."""
        return yaml.safe_load(self.config.read_text())

    def write(self, content: dict) -> None:
        self.config.write_text(yaml.safe_dump(content))

    def changed_in(self, folder: Path, **changes: object) -> Path:
        """Write the configuration with other sections, and further domains, into a folder of its own; its path."""
        folder.mkdir()
        content = self.content()
        content["datasets"][0]["root"] = str(self.root / "data")
        content["models"][0]["where"] = str(self.root / "logits")
        content["datasets"][0]["domains"] |= changes.pop("domains", {})
        Street(folder).write(content | changes)
        return Street(folder).config


def spec_text(labels: str) -> str:
    """A spec of the street, with the label space in this file."""
    known = ", ".join(f"{c} = {c}" for c in range(CLASSES))
    return f"""
labels = "{labels}"
image = "{{split}}/{{stem}}.png"
mask = "{{split}}annot/{{stem}}.png"
[derive]
scene = {{ from = "stem", pattern = "([^_]+)_.+" }}
[label_map]
known = {{ {known} }}
void = [11]
"""


def scene(i: int) -> str:
    return f"s{i // 7}"


def make_street(root: Path, *, cal: int = 6, day: int = 16, dusk: int = 16) -> Street:
    """Write masks of rectangles, some void pixels, and logits that are right where noise allows; dusk is noisier."""
    street = Street(root)
    start = 0
    for domain, count, noise in (("val", cal, 1.0), ("train", day, 1.0), ("test", dusk, 2.5)):
        for i in range(start, start + count):
            _sample(street, domain, i, noise)
        start += 1000  # scenes are never shared
    street.write(
        {
            "models": [{"name": "net", "kind": "stored", "where": "logits", "labels": "camvid"}],
            "datasets": [
                {
                    "name": "street",
                    "spec": "camvid",
                    "root": "data",
                    "domains": {"cal": {"split": "val"}, "day": {"split": "train"}, "dusk": {"split": "test"}},
                }
            ],
            "calibration": [{"on": ["street/cal"], "methods": ["identity", "ts"]}],
            "test": {"on": ["street/day", "street/dusk"], "reference": "street/day"},
            "metrics": list(METRICS),
            "scores": list(SCORES),
        }
    )
    return street


def ask_for_all(street: Street) -> Street:
    """Let the configuration say nothing of metrics and scores: it asks for all then."""
    street.write({key: value for key, value in street.content().items() if key not in ("metrics", "scores")})
    return street


def _sample(street: Street, domain: str, i: int, noise: float) -> None:
    random = np.random.default_rng(i)
    height, width = SIZE
    truth = np.zeros(SIZE, np.uint8)
    for c in range(CLASSES):
        y, x = random.integers(0, height - 6), random.integers(0, width - 8)
        truth[y : y + 8, x : x + 10] = c
    native = truth[STRIDE // 2 :: STRIDE, STRIDE // 2 :: STRIDE]
    logits = random.normal(0, noise, (CLASSES, *native.shape))
    logits[native, np.arange(native.shape[0])[:, None], np.arange(native.shape[1])] += 3
    mask = truth.copy()
    mask[:2] = 11
    for path in (street.image(domain, i), street.mask(domain, i), street.logits(domain, i)):
        path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(random.integers(0, 255, (*SIZE, 3), np.uint8)).save(street.image(domain, i))
    Image.fromarray(mask).save(street.mask(domain, i))
    np.savez(street.logits(domain, i), logits=logits.astype(np.float32))


def add_depth(street: Street) -> Path:
    """Give each image a depth map of centimetres, with a hole; return the path of a spec that names them."""
    rows = np.linspace(200, 6000, SIZE[0]).astype(np.uint16)
    for image in sorted((street.root / "data").glob("*/*.png")):
        if not image.parent.name.endswith("annot"):
            depth = np.repeat(rows[:, None], SIZE[1], axis=1) + np.uint16(int(image.stem[-4:]) % 7)
            depth[5, 3:9] = 0
            path = street.root / "data" / f"{image.parent.name}depth" / image.name
            path.parent.mkdir(exist_ok=True)
            Image.fromarray(depth).save(path)
    spec = street.root / "deep.toml"
    table = 'map = "{split}depth/{stem}.png"\nstores = "metres"\nscale = 100\n'
    fields = '[fields]\nsplit = "train|val|test"\n'
    spec.write_text(f"{spec_text('camvid')}{fields}[depth]\n{table}")
    return spec


def add_features(street: Street) -> Street:
    """Give each stored prediction of the street a feature."""
    for path in sorted((street.root / "logits").rglob("*.npz")):
        with np.load(path) as stored:
            logits = stored["logits"]
        feature = np.random.default_rng(int(path.stem[-4:])).uniform(0, 1, 4).astype(np.float32)
        np.savez(path, logits=logits, feature=feature)
    return street
