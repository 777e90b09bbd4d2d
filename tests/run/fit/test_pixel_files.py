"""All counted pixels for a calibration: written image by image, as many as there are."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers.faults import failing
from helpers.street import make_street
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import reliseg
from reliseg.config.settings import SampleConfig
from reliseg.errors import ConfigError
from reliseg.run.fit import pixel_files
from reliseg.run.fit.pixel_files import PixelWriter, Share, bytes_of_pixel, join_runs, pixel_runs, read_pixels


def part(seed, pixels, columns=4):
    g = np.random.default_rng(seed)
    return g.normal(0, 1, (pixels, columns)).astype(np.float32), g.integers(0, columns, pixels).astype(np.uint8)


@settings(max_examples=15, deadline=None)  # each example waits for the disk
@given(st.lists(st.integers(0, 200), min_size=1, max_size=12))
def test_what_is_read_is_what_was_written_together(tmp_path_factory, sizes):
    path = tmp_path_factory.mktemp("pixels") / "a" / "00000.zip"
    parts = [part(i, n) for i, n in enumerate(sizes)]
    with PixelWriter(path) as writer:
        assert [writer.add(*p) for p in parts] == sizes
    logits, labels = read_pixels(path)
    np.testing.assert_array_equal(logits, np.concatenate([p[0] for p in parts]))
    np.testing.assert_array_equal(labels, np.concatenate([p[1] for p in parts]))
    assert (logits.dtype, labels.dtype) == (np.float32, np.uint8)
    size = sum(file.stat().st_size for file in path.parent.iterdir())
    assert sum(sizes) * bytes_of_pixel(4) <= size <= sum(sizes) * bytes_of_pixel(4) + 2 * 128


def test_nothing_is_left_of_what_was_not_finished(tmp_path):
    with pytest.raises(IndexError), PixelWriter(tmp_path / "00000.zip") as writer:
        writer.add(*part(0, 9)) and [][0]
    with PixelWriter(tmp_path / "00001.zip"):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", range(4))
def test_a_disk_that_is_full_while_images_come_is_told_with_the_file(tmp_path, number):
    with failing("write", number), pytest.raises(OSError, match="00000") as raised:  # noqa: SIM117 - it opens files
        with PixelWriter(tmp_path / "00000.zip") as writer:
            writer.add(*part(0, 9))
    assert raised.value.filename == str(tmp_path / f"00000.{('logits', 'labels')[number % 2]}.npy")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [0, 1])
def test_a_disk_that_refuses_one_of_the_two_files_leaves_none_half_written(tmp_path, number):
    writer = PixelWriter(tmp_path / "00000.zip")
    with failing("fsync", number), pytest.raises(OSError, match="00000") as raised, writer:
        writer.add(*part(0, 9))
    assert ("logits", "labels")[number] in raised.value.filename
    assert [path.name for path in tmp_path.iterdir()] == ["00000.logits.npy"][:number]


@pytest.mark.parametrize(
    ("given", "images", "quota"),
    [
        ({}, 10, 20_000),
        ({}, 1000, 10_000),
        ({"cap": 100}, 7, 14),
        ({"cap": 3}, 7, 1),
        ({"cap": "all"}, 1000, 20_000),
        ({"per_image": "all"}, 10_000, sys.maxsize),
        ({"per_image": "all", "cap": 1000}, 10, 100),
    ],
)
def test_the_quota_of_an_image(given, images, quota):
    assert SampleConfig.model_validate(given).quota(images) == quota


def test_a_run_takes_every_counted_pixel_and_check_says_what_that_costs(tmp_path, command):
    street = make_street(tmp_path / "street", cal=3, day=1, dusk=1)
    content = street.content()
    content["sample"] = {"per_image": "all"}
    street.write(content)
    reliseg.run_config(street.config, tmp_path / "out")
    record = json.loads((tmp_path / "out" / "calibrations" / "net" / "ts@street-cal.json").read_text())
    counted = sum(int((np.array(Image.open(street.mask("val", i))) != 11).sum()) for i in range(3))
    assert record["pixels"] == counted
    assert not (tmp_path / "out" / "samples").exists()
    code, _, said = command("check", street.config)
    assert code == 0, said
    assert "model net: calibrations are fitted on about 2,304 pixels, 0.1 MB on disk until then" in said
    content["sample"] = {"per_image": "some"}
    street.write(content)
    with pytest.raises(ConfigError, match=r"sample\.per_image"):
        reliseg.run_config(street.config, tmp_path / "some")


def test_memory_does_not_grow_with_the_images_of_a_shard(tmp_path):
    """Forty images more of one scene, every pixel of them: a kept image would be 41 kB."""
    few, many = tmp_path / "few", tmp_path / "many"
    peaks = []
    for folder, images in ((few, 20), (many, 60)):
        code = (
            "import tracemalloc, numpy as np\nfrom pathlib import Path\n"
            "from reliseg.run.fit.pixel_files import PixelWriter\n"
            "z, y = np.zeros((2000, 5), np.float32), np.zeros(2000, np.uint8)\n"
            f"with PixelWriter(Path({str(folder)!r}) / 'a.zip') as w:\n    w.add(z, y)\n    tracemalloc.start()\n"
            f"    for _ in range({images}):\n        w.add(z + 1, y + 1)\n"
            "    print(tracemalloc.get_traced_memory()[1])\n"
        )
        ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        peaks.append(int(ended.stdout))
    assert peaks[1] - peaks[0] < 20_000


@settings(max_examples=15, deadline=None)
@given(
    sizes=st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=4), min_size=1, max_size=4), quota=st.integers(1, 9)
)
def test_a_share_is_the_first_pixels_of_each_image(tmp_path_factory, sizes, quota):
    folder = tmp_path_factory.mktemp("share")
    found, expected, n = [], [], 0
    for i, shard in enumerate(sizes):
        with PixelWriter(folder / f"{i}.zip") as writer:
            for size in shard:
                z = np.arange(n, n + size * 2, dtype=np.float32).reshape(-1, 2)
                n += size * 2
                writer.add(z, z[:, 0].astype(np.uint8))
                expected.append(z[:quota])
        found += pixel_runs(folder / f"{i}.zip", shard, quota)
    share = Share(tuple(found))
    whole = np.concatenate(expected)
    np.testing.assert_array_equal(np.concatenate([z for z, _ in share]), whole)
    np.testing.assert_array_equal(np.concatenate([y for _, y in share]), whole[:, 0])
    assert all(np.array_equal(share[i][0], z) for i, (z, _) in enumerate(share))
    assert sum(len(y) for _, y in share[1:]) == sum(len(y) for _, y in list(share)[1:])


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="open files are counted where Linux lists them")
def test_a_share_holds_the_files_of_some_shards_open_however_its_images_lie_in_them(tmp_path, monkeypatch):
    monkeypatch.setattr(pixel_files, "OPEN_SHARDS", 5)
    for i in range(40):
        with PixelWriter(tmp_path / f"{i}.zip") as writer:
            writer.add(np.full((6, 2), i, np.float32), np.zeros(6, np.uint8))
    runs = [list(pixel_runs(tmp_path / f"{i}.zip", [3, 3], 2)) for i in range(40)]
    share = Share(tuple(run for image in zip(*runs, strict=True) for run in image))
    seen = [(int(z[0, 0]), len(list(Path("/proc/self/fd").iterdir()))) for z, _ in share]
    assert [shard for shard, _ in seen] == [*range(40)] * 2
    opened = [n for _, n in seen]
    assert max(opened) - min(opened) <= 2 * 5 + 2


def test_runs_that_lie_side_by_side_are_one(tmp_path):
    one, other = tmp_path / "a.zip", tmp_path / "b.zip"
    runs = [(one, 0, 2), (one, 2, 5), (other, 5, 6), (one, 5, 6), (one, 7, 8)]
    assert list(join_runs(runs)) == [(one, 0, 5), (other, 5, 6), (one, 5, 6), (one, 7, 8)]
    assert list(join_runs([])) == []
