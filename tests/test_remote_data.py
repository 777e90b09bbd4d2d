"""Frames of CamVid behind S3 and behind a web server: the same results, to the byte, as from a folder."""

from pathlib import Path

import numpy as np
import pytest
from helpers.s3_server import put, web_server

import reliseg
from reliseg.errors import DataError, IncompleteError

FRAMES = ("0001TP_008550", "0001TP_008640", "0001TP_008730")


@pytest.fixture
def frames(real_data: Path, tmp_path: Path) -> Path:
    """A folder of three frames, and predictions for them."""
    folder = tmp_path / "frames"
    for part in ("test", "testannot"):
        (folder / part).mkdir(parents=True)
        for frame in FRAMES:
            (folder / part / f"{frame}.png").write_bytes((real_data / "camvid" / part / f"{frame}.png").read_bytes())
    (tmp_path / "predictions/0001TP").mkdir(parents=True)
    random = np.random.default_rng(0)
    for frame in FRAMES:
        logits = random.normal(size=(11, 45, 60)).astype(np.float32)
        np.savez(tmp_path / f"predictions/0001TP/{frame}.npz", logits=logits)
    (tmp_path / "list.txt").write_text("".join(f"./{p.relative_to(folder)}\n" for p in folder.rglob("*.png")))
    return folder


def content(folder: Path) -> dict[str, bytes]:
    return {f"camvid/{p.relative_to(folder).as_posix()}": p.read_bytes() for p in folder.rglob("*.png")}


def configuration(tmp_path: Path, root: str) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(
        "models: [{name: net, kind: stored, where: predictions, labels: camvid, upsampling: {align_corners: false}}]\n"
        f"datasets: [{{name: camvid, spec: camvid, domains: {{test: {{}}}}, root: {root}}}]\n"
    )
    return path


def results(tmp_path: Path, name: str, root: str) -> bytes:
    out = tmp_path / name
    reliseg.run_config(configuration(tmp_path, root), out)
    return (out / "results.csv").read_bytes()


def test_results_are_equal_to_the_byte_wherever_the_images_lie(frames, tmp_path, s3):
    put(s3, "bucket", content(frames))
    local = results(tmp_path, "local", str(frames))
    s3.heal()
    assert results(tmp_path, "s3", "s3://bucket/camvid") == local
    assert s3.asked(path="list-type") == 1
    assert s3.paths("GET").most_common(1)[0][1] == 1
    with web_server(frames) as server:
        assert results(tmp_path, "web", f"'{server.url}', listing: list.txt") == local


def test_a_run_that_is_asked_for_again_fetches_nothing_and_a_changed_image_is_computed_again(frames, tmp_path, s3):
    put(s3, "bucket", content(frames))
    first = results(tmp_path, "run", "s3://bucket/camvid")
    s3.heal()
    assert results(tmp_path, "run", "s3://bucket/camvid") == first
    assert s3.asked("GET", "png") == 0
    changed = frames / "testannot" / f"{FRAMES[0]}.png"
    changed.write_bytes((frames / "testannot" / f"{FRAMES[1]}.png").read_bytes())
    put(s3, "bucket", content(frames))
    s3.heal()
    assert results(tmp_path, "run", "s3://bucket/camvid") == results(tmp_path, "local", str(frames)) != first
    assert s3.asked("GET", "png") == 1


def test_an_image_that_cannot_be_fetched_is_named_by_its_address(frames, tmp_path, s3):
    put(s3, "bucket", content(frames))
    s3.fail("drop", path=FRAMES[0])
    with pytest.raises((DataError, IncompleteError), match=rf"s3://bucket/camvid/test/{FRAMES[0]}.png: the connection"):
        results(tmp_path, "run", "s3://bucket/camvid")


def test_a_bucket_that_is_not_there_is_said_so(tmp_path, s3):
    with pytest.raises(DataError, match="camvid: root s3://nothere/x: there is no bucket nothere; correct the address"):
        reliseg.open_dataset("camvid", "s3://nothere/x")
    with pytest.raises(DataError, match="lost a slash, as it was made a Path"):
        reliseg.open_dataset("camvid", Path("s3://nothere/x"))
