"""Records of calibrations: back to the bit in another process, and nothing damaged or forged is taken for one."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from helpers.calibration_samples import pixels_of, prediction_of, random_part, sample_of, with_whole_images
from hypothesis import given, settings
from hypothesis import strategies as st

import reliseg
from reliseg.calibration import CALIBRATORS, CalibrationSample, calibrator, canonical_text
from reliseg.calibration.methods.ts import Scaled
from reliseg.calibration.records.record import FORMAT, Record, encode_record, read_record, read_records, write_record
from reliseg.errors import ConfigError
from reliseg.stats.threshold import Threshold

CLASSES = ("road", "car", "sky")
METHODS = [
    *(n for n in CALIBRATORS.names() if n not in ("identity", "cluster_ts")),
    "cluster_ts(k=3,seed=42)",
    "cluster_ts(k=2,clusters=mixture,soft=true,per_class=true,seed=43)",
]


def sha(text):
    return hashlib.sha256(text.encode()).hexdigest()


def fitted_on():
    """Twelve images with features, three classes and an `other` that nothing goes to."""
    g = np.random.default_rng(4)
    parts = []
    for i in range(12):
        z, labels = random_part(i, pixels=60)
        z[:, 3] = -np.inf
        parts.append((z, np.minimum(labels, 2)))
    sample = sample_of(*parts)
    images = [replace(i, feature=tuple(g.uniform(0, 1, 5).tolist())) for i in sample.images]
    return with_whole_images(CalibrationSample(sample.parts, images))


def record_of(method, calibration=None):
    found = calibration or calibrator(method).fit(fitted_on())
    return Record(
        method=canonical_text(method),
        calibration=found,
        split="street/cal",
        label_space="own",
        classes=CLASSES,
        model="net",
        fingerprint="a net",
        model_files=(sha("weights"),),
        seed=7,
        pixels=720,
        samples={"street/cal": {f"a/{i}": sha(f"both {i}") for i in range(12)}},
        images={"street/cal": {f"a/{i}": sha(f"image {i}") for i in range(12)}},
        part_of=tuple(
            {canonical_text(m) for m in (method.replace("seed=42", "seeds=[42,44]"),)} - {canonical_text(method)}
        ),
    )


def bytes_of(calibration):
    return {k: v.tobytes() if isinstance(v, np.ndarray) else v for k, v in calibration.parameters().items()}


@pytest.fixture(scope="module")
def records():
    return {method: record_of(method) for method in METHODS}


@pytest.mark.parametrize("method", METHODS)
def test_a_record_comes_back_to_the_bit(records, method, tmp_path):
    record = records[method]
    path = write_record(tmp_path, record)
    found = read_record(path)
    assert bytes_of(found.calibration) == bytes_of(record.calibration)
    assert encode_record(found) == encode_record(record)
    for field in ("name", "split", "classes", "model", "fingerprint", "seed", "pixels", "samples", "images", "part_of"):
        assert getattr(found, field) == getattr(record, field)
    prediction = replace(prediction_of(3, classes=3), feature=np.array([0.1, 0.9, 0.3, 0.2, 0.5], np.float32))
    np.testing.assert_array_equal(pixels_of(found.calibration(prediction)), pixels_of(record.calibration(prediction)))
    has_arrays = any(isinstance(v, np.ndarray) for v in record.calibration.parameters().values())
    assert path.with_suffix(".safetensors").exists() == has_arrays
    assert len(path.read_text()) < 20_000  # readable: arrays are elsewhere
    assert sorted(p.suffix for p in tmp_path.iterdir()) == [".json", *[".safetensors"] * has_arrays]


def test_another_process_reads_the_same_bits(records, tmp_path):
    paths = [write_record(tmp_path, record) for record in records.values()]
    code = (
        "import sys, reliseg, numpy as np\n"
        "for path in sys.argv[1:]:\n"
        "    p = reliseg.load_calibration(path).calibration.parameters()\n"
        "    print({k: v.tobytes() if isinstance(v, np.ndarray) else v for k, v in p.items()})\n"
        "assert 'torch' not in sys.modules\n"
    )
    ended = subprocess.run([sys.executable, "-c", code, *map(str, paths)], capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines() == [str(bytes_of(r.calibration)) for r in records.values()]


@given(temperature=st.floats(0.05, 20))
@settings(max_examples=60, deadline=None)
def test_every_number_comes_back(tmp_path_factory, temperature):
    path = write_record(tmp_path_factory.mktemp("any"), record_of("ts", Scaled(temperature)))
    assert json.loads(path.read_text())["parameters"]["temperature"] == temperature
    if 1e-290 < temperature < 1e290:
        assert read_record(path).calibration == Scaled(temperature)


def test_the_folder_of_a_run_its_calibrations_and_one_file_are_read(records, tmp_path):
    for model in ("net", "other"):
        for record in records.values():
            write_record(tmp_path / "calibrations" / model, record)
    for place in (tmp_path, tmp_path / "calibrations"):
        found = read_records(place)
        assert list(found) == ["net", "other"]
        for of_model in found.values():
            assert {r.name for r in of_model} == {f"{m}@street/cal" for m in METHODS}
    one = tmp_path / "calibrations" / "other" / "ts@street-cal.json"
    assert {m: [r.name for r in found] for m, found in read_records(one).items()} == {"net": ["ts@street/cal"]}
    with pytest.raises(ConfigError, match="no calibration is stored here; give the folder of a run"):
        read_records(tmp_path / "calibrations" / "net")


MIXTURE = METHODS[-1]


def changed(**values):
    return lambda path: path.write_text(json.dumps(json.loads(path.read_text()) | values))


def parameters(**values):
    def change(path):
        content = json.loads(path.read_text())
        content["parameters"] |= values
        path.write_text(json.dumps(content))

    return change


def tensors(**values):
    def change(path):
        content = json.loads(path.read_text())
        content["tensors"] |= values
        path.write_text(json.dumps(content))

    return change


def flipped(path):
    file = path.with_suffix(".safetensors")
    data = bytearray(file.read_bytes())
    data[-3] ^= 1
    file.write_bytes(bytes(data))


def forged(change):
    """Other arrays, with the right sha256."""

    def forge(path):
        from safetensors.numpy import load_file, save_file

        file = path.with_suffix(".safetensors")
        arrays = change(load_file(file))
        save_file(arrays, file) if isinstance(arrays, dict) else file.write_bytes(arrays)
        tensors(sha256=hashlib.sha256(file.read_bytes()).hexdigest())(path)

    return forge


DAMAGE = {
    "no JSON": (lambda p: p.write_text("{"), "it is not JSON"),
    "no text": (lambda p: p.write_bytes(b"\x80\x04\x95"), "it is not JSON"),
    "deep": (lambda p: p.write_text("[" * 100_000), "it is not JSON"),
    "a list": (lambda p: p.write_text("[]"), "it is not a calibration that"),
    "another JSON": (lambda p: p.write_text('{"rows": []}'), "it is not a calibration that"),
    "a newer format": (changed(format=FORMAT + 1), f"format {FORMAT + 1} is newer .* update reliseg"),
    "an unknown key": (changed(command="rm -rf /"), "command: extra inputs"),
    "a missing key": (lambda p: p.write_text(json.dumps({"format": FORMAT})), "field required"),
    "pixels in words": (changed(pixels="many"), "pixels: input should be a valid integer"),
    "a class too many": (changed(classes=[*CLASSES, "bike"]), "not those of .* for 4 classes"),
    "no class": (changed(classes=[]), "classes"),
    "an unknown method": (changed(method="rm_ts"), "unknown calibration"),
    "another method": (changed(method="vector"), "not those of vector"),
    "not in canonical text": (changed(method="class-ts()"), "not 'class_ts'"),
    "a split that leaves the folder": (changed(fitted_on="../../cal"), "DATASET/DOMAIN"),
    "another sample": (changed(samples={"street/cal": {"a/0": sha("x")}}), "its list of samples was changed"),
    "fewer images": (changed(images={"street/cal": {"a/0": sha("x")}}), "two lists of samples differ"),
    "a hash that is none": (changed(split_sha256="x"), "split_sha256"),
    "a mean of others": (changed(part_of=["cluster_ts"]), "class_ts is not a seed of 'cluster_ts'"),
    "a mean of nothing": (changed(part_of=["rm_ts(seeds=[1,2])"]), "unknown calibration"),
    "colors for the terminal": (changed(model="\x1b[31mnet"), "model: string should match"),
    "NaN": (parameters(temperatures=[1.0, 2.0, float("nan"), 1.0]), "not finite"),
    "more than a float holds": (
        lambda p: p.write_text(p.read_text().replace('"temperatures": [', '"temperatures": [1e999,')),
        "not finite",
    ),
    "a word": (parameters(temperatures=["1.0", "1", "1", "1"]), "not those of class_ts"),
    "a negative temperature": (parameters(temperatures=[1.0, -2.0, 1.0, 1.0]), "not those of class_ts"),
    "zero": (parameters(temperatures=[1.0, 0.0, 1.0, 1.0]), "not those of class_ts"),
    "too few": (parameters(temperatures=[1.0]), "not those of class_ts"),
    "nested": (parameters(temperatures=[[1.0, 1.0, 1.0, 1.0]]), "not those of class_ts"),
    "a parameter too many": (parameters(other=1), "not those of class_ts"),
    "too large": (lambda p: os.truncate(p, 1 << 28), "larger than 128 MiB"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_what_is_no_whole_record_is_refused_in_one_line(records, name, tmp_path):
    damage, message = DAMAGE[name]
    path = write_record(tmp_path, records["class_ts"])
    damage(path)
    with pytest.raises(ConfigError, match=message) as caught:
        read_record(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("method", ["class_ts", "vector", "dirichlet"])
@pytest.mark.parametrize("classes", [["a", "b"], ["a", "b", "c", "d"]])
def test_parameters_for_other_numbers_of_classes_are_refused(records, method, classes, tmp_path):
    path = write_record(tmp_path, records[method])
    changed(classes=classes)(path)
    with pytest.raises(ConfigError, match=f"its parameters are not those of {method} for {len(classes)} classes"):
        read_record(path)


@pytest.mark.parametrize("scale", [1e9, 1e39])
def test_parameters_that_make_more_of_logits_than_can_be_summed_are_refused(records, scale, tmp_path):
    path = write_record(tmp_path, records["vector"])
    parameters(scales=[scale] * 4)(path)
    with pytest.raises(ConfigError, match="not those of vector for 3 classes"):
        read_record(path)


def test_thresholds_go_with_the_record_that_they_belong_to(records, tmp_path):
    kept = replace(records["class_ts"], thresholds={"identity": {"msp": Threshold(3, np.array([3]))}})
    path = write_record(tmp_path, kept)

    def stored():
        ((record,),) = read_records(path).values()
        return record.thresholds

    assert stored()["identity"]["msp"].last == 3
    write_record(tmp_path, replace(kept, thresholds={}))
    assert stored()["identity"]["msp"].last == 3, "the record is the same"
    write_record(tmp_path, replace(kept, seed=8, thresholds={}))
    assert not stored()


DAMAGED_ARRAYS = {
    "a bit": (flipped, "its sha256 is not the one in"),
    "no file": (lambda p: p.with_suffix(".safetensors").unlink(), "cannot be read"),
    "a file elsewhere": (tensors(file="../secret.safetensors"), "is not the name of a .safetensors file beside it"),
    "another kind of file": (tensors(file="results.csv"), "is not the name of a .safetensors file beside it"),
    "no arrays": (changed(tensors=None), "not those of"),
    "no safetensors": (forged(lambda a: b"\x80\x04\x95 a pickle"), "it is not a safetensors file"),
    "a header that lies": (forged(lambda a: (1 << 60).to_bytes(8, "little") + b"{}"), "it is not a safetensors file"),
    "infinite": (forged(lambda a: a | {"centres": a["centres"] * np.inf}), "centres is not finite"),
    "an array too many": (forged(lambda a: a | {"more": np.ones(3)}), "not those of"),
    "an array too few": (forged(lambda a: {k: v for k, v in a.items() if k != "shares"}), "not those of"),
    "another type": (forged(lambda a: a | {"centres": a["centres"].astype(np.float32)}), "not those of"),
    "another shape": (forged(lambda a: a | {"centres": a["centres"][:, 1:]}), "not those of"),
    "no probabilities": (forged(lambda a: a | {"shares": -a["shares"]}), "not those of"),
    "cold": (forged(lambda a: a | {"temperatures": -a["temperatures"]}), "not those of"),
}


@pytest.mark.filterwarnings("ignore:invalid value")  # infinity times zero
@pytest.mark.parametrize("name", DAMAGED_ARRAYS)
def test_arrays_that_are_not_what_was_written_are_refused(records, name, tmp_path):
    damage, message = DAMAGED_ARRAYS[name]
    path = write_record(tmp_path, records[MIXTURE])
    damage(path)
    with pytest.raises(ConfigError, match=message) as caught:
        read_record(path)
    assert "\n" not in str(caught.value)


def test_a_record_may_move_but_not_lose_its_arrays(records, tmp_path):
    path = write_record(tmp_path / "here", records[MIXTURE])
    shutil.copytree(tmp_path / "here", tmp_path / "there")
    assert bytes_of(read_record(tmp_path / "there" / path.name).calibration) == bytes_of(records[MIXTURE].calibration)
    shutil.copy(path, tmp_path / path.name)
    with pytest.raises(ConfigError, match="cannot be read"):
        reliseg.load_calibration(tmp_path / path.name)
    for missing in (tmp_path / "nowhere.json", tmp_path / "here", path.with_suffix(".safetensors")):
        with pytest.raises(ConfigError, match=r"cannot be read|not a \.json file|not JSON|is not a calibration"):
            reliseg.load_calibration(missing)


def test_a_write_that_is_interrupted_leaves_the_record_before(records, tmp_path, monkeypatch):
    path = write_record(tmp_path, records["class_ts"])
    before = path.read_bytes()
    monkeypatch.setattr("os.fsync", lambda file: (_ for _ in ()).throw(OSError("no space left")))
    with pytest.raises(OSError, match="no space left"):
        write_record(tmp_path, replace(records["class_ts"], pixels=1))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("method", ["ts", "vector", "lts"])
def test_any_damage_to_the_bytes_of_a_record_is_refused_or_changes_nothing(records, method, tmp_path):
    """Flipped bits, cut and lengthened files, of the JSON and of the arrays beside it."""
    (name,) = [m for m in METHODS if m.partition("(")[0] == method][:1]
    path = write_record(tmp_path, records[name])
    intact = encode_record(records[name])
    files = sorted(tmp_path.iterdir())
    g = np.random.default_rng(0)
    said = []
    for i in range(120):
        file = files[i % len(files)]
        whole = file.read_bytes()
        data = bytearray(whole)
        data[int(g.integers(len(data)))] ^= 1 << int(g.integers(8))
        data = data[: int(g.integers(len(data)))] if i % 6 == 5 else data + g.bytes(3) if i % 6 == 4 else data
        file.write_bytes(bytes(data))
        try:
            assert encode_record(read_record(path)) == intact, (file.name, i)
        except ConfigError as error:
            said.append(error.lines)
        file.write_bytes(whole)
    assert len(said) > 100
    assert {len(lines) for lines in said} == {1}


def test_a_record_that_was_edited_is_refused(records, tmp_path):
    """A temperature that could be one, a sample that could have been there."""
    for key, change in (
        ("parameters", lambda p: p | {"temperature": p["temperature"] * 1.01}),
        ("model", lambda _: "other"),
    ):
        path = write_record(tmp_path, records["ts"])
        content = json.loads(path.read_text())
        content[key] = change(content[key])
        path.write_text(json.dumps(content, indent=1))
        with pytest.raises(ConfigError, match="it was changed since it was written; copy the calibration again"):
            read_record(path)


def test_a_record_in_other_white_space_is_the_same(records, tmp_path):
    path = write_record(tmp_path, records["ts"])
    path.write_text(json.dumps(json.loads(path.read_text())))
    assert encode_record(read_record(path)) == encode_record(records["ts"])
