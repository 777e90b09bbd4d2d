"""The command on a folder of images: the run's numbers from its files, resuming, refusals."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from helpers.deployed import SPLIT, Deployed, deploy
from helpers.saved_maps import accepted_numbers, ece_of, nll_of
from PIL import Image

import reliseg
from reliseg.deploy.files import predict as module
from reliseg.deploy.files.images import find_images
from reliseg.deploy.files.predict import PredictionFiles

TS = f"ts@{SPLIT}"
ALL = "prediction,confidence,color,accepted,overlay,probabilities"


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Deployed:
    return deploy(tmp_path_factory.mktemp("files"), ("ts",))


def words(deployed: Deployed, out: Path, *more: object) -> tuple[object, ...]:
    return ("predict", deployed.run, "--images", deployed.images()[0].parent, "--out", out, *more)


def test_numbers_from_the_files_are_those_of_the_run(command, deployed, tmp_path):
    code, out, err = command(*words(deployed, tmp_path / "out", "--calibration", TS, "--write", ALL))
    assert (code, out) == (0, f"3 images predicted: {tmp_path / 'out'}\n"), err
    bases = [str(tmp_path / "out" / image.stem) for image in deployed.images()]
    truths = [deployed.truth(image) for image in deployed.images()]

    def read(ending: str) -> list[np.ndarray]:
        return [np.asarray(Image.open(f"{base}_{ending}.png")) for base in bases]

    def value(metric: str, score: str = "msp") -> float:
        return deployed.results.where(metric=metric, score=score, domain="day", calibration=TS).rows[0].value

    ece, tolerance = ece_of(read("pred"), read("conf"), truths)
    assert tolerance < 5e-3
    assert ece == pytest.approx(value("ece"), abs=tolerance)
    risk, coverage = accepted_numbers(read("pred"), read("accepted"), truths)
    expected = (value("transfer_risk95"), value("transfer_coverage95"))
    assert (risk, coverage) == pytest.approx(expected, abs=1e-12)
    probabilities = [np.load(f"{base}_prob.npy", mmap_mode="r") for base in bases]
    assert nll_of(probabilities, truths) == pytest.approx(value("nll", ""), abs=1e-6)  # float32: 6e-8 of each p
    table = list(csv.DictReader((tmp_path / "out" / "images.csv").read_text().splitlines()))
    assert [row["image"] for row in table] == [image.name for image in deployed.images()]
    assert float(table[0]["mean_confidence"]) == pytest.approx(read("conf")[0].mean() / 65535, abs=1e-5)
    sidecar = json.loads((tmp_path / "out" / "predictor.json").read_text())
    assert (sidecar["model"]["name"], sidecar["calibration"]["name"]) == ("net", TS)
    assert (sidecar["acceptance"]["split"], "95 %" in sidecar["acceptance"]["definition"]) == (SPLIT, True)


def test_what_is_done_is_not_predicted_again_and_what_lacks_is(command, deployed, tmp_path):
    code, out, _ = command(*words(deployed, tmp_path / "out"))
    assert (code, out[:2]) == (0, "3 ")
    files = {p: p.stat().st_mtime_ns for p in (tmp_path / "out").glob("*_conf.png")}
    _, out, _ = command(*words(deployed, tmp_path / "out"))
    assert out.startswith("0 images predicted (3 were there)")
    next(iter(files)).unlink()
    _, out, _ = command(*words(deployed, tmp_path / "out"))
    assert out.startswith("1 image predicted (2 were there)")
    _, out, _ = command(*words(deployed, tmp_path / "out", "--write", "color"))
    assert out.startswith("3 images predicted")
    assert sum(p.stat().st_mtime_ns == before for p, before in files.items()) == 2


def test_a_killed_command_goes_on_with_the_images_that_lack_and_writes_the_same_bytes(deployed, tmp_path, monkeypatch):
    predictor = reliseg.load_predictor(deployed.run, calibration=TS)
    found = find_images([str(deployed.images()[0].parent)])
    whole = PredictionFiles(predictor, found, tmp_path / "whole", ("confidence",))
    assert whole.write() == 3
    written = module.write_kinds

    def dying(kinds, base, *more):
        if base.name == deployed.images()[1].stem:
            raise KeyboardInterrupt
        written(kinds, base, *more)

    monkeypatch.setattr(module, "write_kinds", dying)
    half = PredictionFiles(predictor, found, tmp_path / "half", ("confidence",))
    with pytest.raises(KeyboardInterrupt):
        half.write()
    monkeypatch.undo()
    assert half.write() == 2
    for name in sorted(p.name for p in (tmp_path / "whole").glob("*.*") if not p.name.startswith(".")):
        assert (tmp_path / "half" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


def test_an_image_that_has_changed_is_predicted_again(command, deployed, tmp_path):
    image = tmp_path / "a.png"
    image.write_bytes(deployed.images()[0].read_bytes())
    again = ("predict", deployed.run, "--images", image, "--out", tmp_path / "out")
    assert command(*again)[1].startswith("1 image predicted: ")
    image.write_bytes(deployed.images()[1].read_bytes())
    assert command(*again)[1].startswith("1 image predicted: ")


def test_another_calibration_into_the_same_folder_is_refused(command, deployed, tmp_path):
    assert command(*words(deployed, tmp_path / "out", "--calibration", TS))[0] == 0
    code, out, err = command(*words(deployed, tmp_path / "out", "--calibration", "identity"))
    assert (code, out) == (2, "")
    (line,) = (line for line in err.splitlines() if line.startswith("reliseg: "))
    assert f"out holds predictions of net with {TS}, or of other settings; give another --out" in line


def test_images_that_cannot_be_predicted_are_named_at_the_end_and_the_others_are_there(command, deployed, tmp_path):
    for name, image in (("a.png", deployed.images()[0]), ("c.png", deployed.images()[1])):
        (tmp_path / "in" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "in" / name).write_bytes(image.read_bytes())
    Image.fromarray(np.zeros((4, 4), np.uint16)).save(tmp_path / "in" / "b.png")
    code, _, err = command("predict", deployed.run, "--images", tmp_path / "in", "--out", tmp_path / "out")
    assert code == 1
    assert "b.png: the image is 16-bit; convert it to 8-bit RGB" in err.splitlines()[-1]
    assert {p.name for p in (tmp_path / "out").glob("*_pred.png")} == {"a_pred.png", "c_pred.png"}


def test_what_cannot_be_written_is_refused_before_the_folder_is_made(command, deployed, tmp_path):
    for more, problem in (
        (("--write", "colour"), "--write: unknown kind 'colour'; did you mean 'color'"),
        (("--calibration", "vector"), "net has no calibration 'vector'"),
        (("--model", "nett"), "has no model 'nett'; did you mean 'net'"),
    ):
        code, _, err = command(*words(deployed, tmp_path / "out", *more))
        assert code == 2
        assert problem in err
        assert not (tmp_path / "out").exists()
