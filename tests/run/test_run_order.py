"""The order in which images are evaluated, and the shards they come to lie in, change no byte of the results."""

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.runs import piece_files
from helpers.street import Street, ask_for_all, make_street

import reliseg
from reliseg.plan import shards as cutting
from reliseg.run.store.piece_files import load_piece
from reliseg.stats import PixelStatistics

SCENES = 3


@pytest.fixture(autouse=True)
def _small_shards() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cutting, "SHARD_SIZE", 4)
        yield


def rename_images(street: Street, root: Path) -> Street:
    """The same tested images under names that bring them into another order and other scenes."""
    for folder in ("data", "logits"):
        shutil.copytree(street.root / folder, root / folder)
    for split in ("train", "test"):
        images = sorted((root / "data" / split).glob("*.png"))
        places = random.Random(0).sample(range(len(images)), len(images))
        for image, place in zip(images, places, strict=True):
            scene, stem = f"{split}{place % SCENES}", f"{split}{place % SCENES}_{place:04d}"
            logits = root / "logits" / image.stem.partition("_")[0] / f"{image.stem}.npz"
            (root / "logits" / scene).mkdir(exist_ok=True)
            logits.rename(root / "logits" / scene / f"{stem}.npz")
            for file in (image, root / "data" / f"{split}annot" / image.name):
                file.rename(file.with_stem(stem))
    return Street(root)


def merge_shards(out: Path) -> dict[tuple[str, str], PixelStatistics]:
    """The statistics of all shards by domain and calibration."""
    found: dict[tuple[str, str], PixelStatistics] = {}
    for path, head in piece_files(out).items():
        stored = load_piece(path)
        assert stored is not None
        key = head.head.named["domain"], head.head.named["calibration"]
        found[key] = found[key] + stored.observed.pixels if key in found else stored.observed.pixels
    return found


@pytest.mark.slow
def test_the_order_of_images_changes_no_byte(tmp_path: Path) -> None:
    street = ask_for_all(make_street(tmp_path / "one", cal=3, day=9, dusk=9))
    other = rename_images(street, tmp_path / "other")
    for one, union in ((street, ["day", "dusk"]), (other, ["dusk", "day"])):
        content = street.content()
        content["datasets"][0]["domains"]["both"] = {"union": union}
        content["test"]["on"] = ["street/day", "street/dusk", "street/both"]
        content["calibration"] = [{"on": ["street/cal"], "methods": ["identity", "ts", "vector"]}]
        one.write(content)
    outs = street.root / "out", other.root / "out"
    for one, out in zip((street, other), outs, strict=True):
        reliseg.run_config(one.config, out)
    for file in ("results.csv", "reliability.csv", "fits.csv", "curves.json"):
        assert (outs[0] / file).read_bytes() == (outs[1] / file).read_bytes()
    places = [{p.relative_to(out): head.head.named["domain"] for p, head in piece_files(out).items()} for out in outs]
    assert {places[0][place] for place in places[0].keys() & places[1].keys()} == {"street/cal"}
    first, second = map(merge_shards, outs)
    assert len(first) == 9
    assert first == second
