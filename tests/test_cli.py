"""The command: exit codes, one clear line for whatever is wrong, and what a user sees."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from helpers.street import Street, ask_for_all, make_street
from PIL import Image

from reliseg.results import Results


@pytest.fixture
def street(tmp_path: Path) -> Street:
    return make_street(tmp_path / "street", cal=3, day=4, dusk=4)


def changed(street: Street, change: Callable[[dict], object]) -> None:
    content = street.content()
    change(content)
    street.write(content)


def test_a_run_ends_with_a_table(command, street, tmp_path):
    ask_for_all(street)
    code, out, err = command("run", street.config, "--out", tmp_path / "out")
    assert code == 0, err
    assert [line.split()[:3] for line in out.splitlines()[1:]] == [
        ["net", f"street/{d}", c] for d in ("day", "dusk") for c in ("identity", "ts@street/cal")
    ]
    results = Results.read(tmp_path / "out" / "results.json")
    reasons = [row.why for row in results if row.why]
    assert f"{len(results) - len(reasons)} numbers: {tmp_path / 'out' / 'results.csv'}\n" in err
    (line,) = (line for line in err.splitlines() if "do not apply here" in line)
    assert line.startswith(f"{len(reasons)} do not apply here, because: ")
    most = max(set(reasons), key=reasons.count)
    assert f"{most} ({reasons.count(most)})" in line


def test_the_table_shortens_no_name_however_narrow_the_terminal(command, street, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    name = "a-network-with-quite-a-long-name." * 5
    changed(street, lambda c: c["models"][0].update(name=name))
    code, out, err = command("run", street.config, "--out", tmp_path / "out")
    assert code == 0, err
    assert all(line.split()[0] == name for line in out.splitlines()[1:])
    assert "ts@street/cal" in out


def test_the_short_form_gives_the_same_numbers(command, street, tmp_path):
    ask_for_all(street)
    assert command("run", street.config, "--out", tmp_path / "long")[0] == 0
    code, _, err = command(
        *("run", "--out", tmp_path / "short"),
        *("--model", f"stored:{street.root / 'logits'},labels=camvid,name=net"),
        *("--data", f"camvid={street.root / 'data'},domain=test,domain=val,name=street"),
        *("--calibrate", "ts", "--calibrate-on", "street/val", "--score", "msp,margin"),
    )
    assert code == 0, err
    long, short = (Results.read(tmp_path / name / "results.json") for name in ("long", "short"))
    assert {(r.domain, r.calibration) for r in short} == {("test", "identity"), ("test", "ts@street/val")}
    assert {r.score for r in short} == {"", "msp", "margin"}
    for calibration in ("identity", "ts@street/cal"):
        for metric in ("miou", "ece", "nll"):
            other = calibration.replace("cal", "val")
            assert short.value(metric, calibration=other) == long.value(metric, domain="dusk", calibration=calibration)


def test_a_domain_that_the_spec_does_not_have_is_refused_in_the_short_form(command, street):
    code, _, err = command("check", "--model", "stored:x", "--data", f"camvid={street.root / 'data'},domain=tset")
    assert code == 2
    assert "'test'" in err


def damaged(change: Callable[[dict], object]) -> Callable[[Street], None]:
    return lambda street: changed(street, change)


def other_size(street: Street) -> None:
    Image.fromarray(np.zeros((10, 10), np.uint8)).save(street.mask("test", 2002))


def unlisted_id(street: Street) -> None:
    Image.fromarray(np.full((24, 32), 99, np.uint8)).save(street.mask("test", 2002))


def wrong_classes(street: Street) -> None:
    for path in (street.root / "logits").rglob("*.npz"):
        np.savez(path, logits=np.zeros((7, 6, 8), np.float32))


def unreadable_weights(street: Street) -> None:
    (street.root / "net.py").write_text("import torch\n\ndef build():\n    return torch.nn.Conv2d(3, 11, 1)\n")
    (street.root / "weights.pth").write_bytes(b"not weights")
    section = {"name": "net", "kind": "python", "where": "net.py:build", "weights": "weights.pth", "labels": "camvid"}
    changed(street, lambda c: c.update(models=[section]))


BEFORE = {
    "wrong root": (damaged(lambda c: c["datasets"][0].update(root="nowhere")), "nowhere"),
    "wrong model path": (damaged(lambda c: c["models"][0].update(where="nowhere")), "nowhere"),
    "missing mask": (lambda s: s.mask("test", 2002).unlink(), "2002.png"),
    "missing image": (lambda s: s.image("test", 2002).unlink(), "2002.png"),
    "mask of another size": (other_size, "2002.png"),
    "id in the first masks": (unlisted_id, "id 99"),
    "missing logits": (lambda s: s.logits("test", 2002).unlink(), "s286_2002"),
    "empty domain": (damaged(lambda c: c["datasets"][0]["domains"].update(night={"split": "night"})), "night"),
    "unknown scene": (damaged(lambda c: c["datasets"][0]["domains"]["day"].update(scenes=["s9"])), "s9"),
    "broken YAML": (lambda s: s.config.write_text("models: [}"), "not valid YAML"),
    "no mapping": (lambda s: s.config.write_text("- a\n- b"), "not a configuration"),
    "unknown key": (damaged(lambda c: c.update(scorse=["msp"])), "'scores'"),
    "unknown nested key": (damaged(lambda c: c["models"][0].update(wieghts="a")), "'weights'"),
    "unknown score": (damaged(lambda c: c.update(scores=["mps"])), "'msp'"),
    "unknown method": (damaged(lambda c: c["calibration"][0].update(methods=["tss"])), "'ts'"),
    "unknown kind": (damaged(lambda c: c["models"][0].update(kind="store")), "'stored'"),
    "unknown spec": (damaged(lambda c: c["datasets"][0].update(spec="camvod")), "'camvid'"),
    "unknown label space": (damaged(lambda c: c["models"][0].update(labels="cityscape")), "'cityscapes'"),
    "unknown domain": (damaged(lambda c: c["test"].update(on=["street/dask"])), "'dusk'"),
    "unknown data set": (damaged(lambda c: c["test"].update(on=["stret/dusk"])), "'street'"),
    "misspelt projection": (damaged(lambda c: c["datasets"][0].update(projection={"camvit": [0] * 11})), "'camvid'"),
    "key twice": (lambda s: s.config.write_text("seed: 1\n" + s.config.read_text() + "\nseed: 2\n"), "is given twice"),
    "negative seed": (damaged(lambda c: c.update(seed=-1)), "seed"),
    "unknown device": (damaged(lambda c: c.update(device="gpu")), "device"),
    "nothing to test": (damaged(lambda c: c["test"].update(on=[])), "test.on"),
    "misspelt section": (damaged(lambda c: c.update(modles=c.pop("models"))), "'models'"),
    "a number for a family": (damaged(lambda c: c.update(metrics=["miou"])), "'segmentation'"),
    "a word for a list": (damaged(lambda c: c["calibration"][0].update(on="street/cal")), "write [street/cal]"),
    "unknown parameter": (damaged(lambda c: c["calibration"][0].update(methods=["cluster-ts(kk=3)"])), "'k'"),
    "wrong number of classes": (wrong_classes, "7 classes"),
    "leakage": (damaged(lambda c: c["test"].update(on=["street/cal"])), "share"),
    "unreadable weights": (unreadable_weights, "weights.pth"),
    "no such file": (lambda s: s.config.unlink(), "no such file"),
}


@pytest.mark.parametrize("name", BEFORE)
@pytest.mark.parametrize("verb", ["run", "check"])
def test_what_is_wrong_before_the_run_is_one_clear_line(command, street, tmp_path, name, verb):
    damage, expected = BEFORE[name]
    damage(street)
    out = tmp_path / "out"
    code, _, err = command(verb, street.config, *(["--out", out] if verb == "run" else []))
    lines = [line for line in err.splitlines() if line.startswith("reliseg: ")]
    assert code == 2, err
    assert len(lines) == 1, err
    assert expected in lines[0]
    assert lines[0].count("street/dusk: ") <= 1
    assert "Traceback" not in err
    assert not (out / "statistics").exists()


def test_check_full_finds_what_the_run_would_stumble_on(command, tmp_path):
    street = make_street(tmp_path / "street", cal=3, day=4, dusk=12)
    logits = np.full((11, 6, 8), np.inf, np.float32)
    np.savez(street.logits("test", 2010), logits=logits)
    street.image("test", 2011).write_bytes(street.image("test", 2011).read_bytes()[:200])
    assert command("check", street.config)[0] == 0
    code, _, err = command("check", "--full", street.config)
    assert code == 2
    assert "s287_2011.png" in err
    street.image("test", 2011).write_bytes(street.image("test", 2009).read_bytes())
    code, _, err = command("check", "--full", street.config)
    assert code == 2
    assert "s287/s287_2010: the model gave NaN or infinite logits" in err


def test_check_full_says_a_broken_image_once_and_one_line_for_what_fails_for_one_reason(command, tmp_path):
    street = make_street(tmp_path / "street", cal=3, day=4, dusk=12)
    street.image("test", 2011).write_bytes(street.image("test", 2011).read_bytes()[:200])
    for i in range(2000, 2011):
        np.savez(street.logits("test", i), logits=np.full((11, 6, 8), np.inf, np.float32))
    code, _, err = command("check", "--full", street.config)
    assert code == 2
    assert err.count("s287_2011") == 2  # its id and its file, in one line
    (line,) = [line for line in err.splitlines() if line.startswith("reliseg: model net on street/dusk: ")]
    assert "the first 8 of 11 samples all failed (s285/s285_2000: the model gave NaN or infinite logits" in line


@pytest.mark.parametrize("verb", ["run", "check"])
def test_masks_that_are_void_everywhere_are_noted(command, street, tmp_path, verb):
    assert "classes do not occur" not in command("check", street.config)[2]
    for i in range(1000, 1004):
        Image.fromarray(np.full((24, 32), 11, np.uint8)).save(street.mask("train", i))
    code, _, err = command(verb, street.config, *(["--out", tmp_path / "out"] if verb == "run" else []))
    assert code == 0, err
    assert err.count("street/day: no pixel of the 4 masks looked at belongs to a class") == 1
    assert command("check", "--full", street.config)[0] == 2


@pytest.mark.parametrize("verb", ["run", "check"])
def test_kernels_that_may_not_be_compiled_are_one_plain_line(street, verb):
    ended = subprocess.run(
        [sys.executable, "-m", "reliseg", verb, street.config],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        cwd=street.root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    assert ended.stderr == "reliseg: NUMBA_DISABLE_JIT is set, and the kernels cannot run uncompiled; unset it\n"


def test_an_option_that_is_no_yaml_is_one_clear_line(command):
    code, _, err = command("check", "--model", "hf:x,args={a: 1", "--data", "camvid=y")
    assert code == 2
    assert err.startswith("reliseg: --model: args: '{a: 1' is not valid YAML: ")
    assert err.count("\n") == 1


def test_an_incomplete_run_exits_1_and_names_the_sample(command, tmp_path):
    street = make_street(tmp_path / "street", cal=3, day=4, dusk=12)
    np.savez(street.logits("test", 2010), logits=np.full((11, 6, 8), np.nan, np.float32))
    code, out, err = command("run", street.config, "--out", tmp_path / "out")
    assert code == 1
    assert "street/day" in out
    assert "s287/s287_2010" in err
    assert "Traceback" not in err


def test_limit_and_save_reach_the_run(command, street, tmp_path):
    out = tmp_path / "out"
    assert command("run", street.config, "--out", out, "--limit", 2, "--save", "color")[0] == 0
    results = Results.read(out / "results.json")
    assert {r.n_images for r in results} == {2}
    assert len(list(out.glob("saved/**/*_color.png"))) == 6  # two of cal, of day, of dusk
    code, _, err = command("run", street.config, "--out", tmp_path / "o2", "--save", "colour")
    assert code == 2
    assert "'color'" in err


@pytest.mark.parametrize(
    "kind", ["models", "datasets", "labels", "metrics", "scores", "calibrations", "corruptions", "protocols"]
)
def test_list_names_what_there_is(command, kind):
    code, out, _ = command("list", kind)
    assert code == 0
    expected = {
        "models": "stored",
        "datasets": "acdc",
        "labels": "idd",
        "metrics": "worst5_miou",
        "scores": "neg_entropy",
        "calibrations": "ts",
        "corruptions": "jpeg_compression",
        "protocols": "relis-cvpr2023",
    }[kind]
    assert any(expected in line.split() for line in out.splitlines())


def lines_of(log: str) -> list[dict]:
    return [json.loads(line) for line in log.splitlines()]


def test_a_log_for_programs_has_an_object_a_line_and_no_table(command, street, tmp_path):
    code, out, err = command("run", street.config, "--out", tmp_path / "out", "--log", "json")
    assert (code, out) == (0, "")
    *lines, results, end = lines_of(err)
    stages = [
        (line["stage"], line["model"], line["domain"], line["total"]) for line in lines if line["kind"] == "begin"
    ]
    assert ("check", None, "street/day", 4) in stages
    assert ("sample", "net", "street/cal", 3) in stages
    assert ("evaluate", "net", "street/dusk", 4) in stages
    assert stages[-1] == ("measure", "net", None, 4)  # two domains under two calibrations
    done = [(line["domain"], line["done"]) for line in lines if line["kind"] == "progress"]
    assert {("street/day", 4), ("street/dusk", 4), ("street/cal", 3)} <= set(done)
    undefined = sum(1 for row in Results.read(tmp_path / "out") if row.why)
    assert (results["kind"], results["undefined"]) == ("results", undefined)
    assert Path(results["path"]).exists()
    assert (end["kind"], end["exit_code"]) == ("end", 0)


@pytest.mark.parametrize("log", [["--log", "json"], ["--log=json"]])
@pytest.mark.parametrize("words", [["run", "nope.yaml"], ["check", "nope.yaml"], ["run", "--nope"]])
def test_what_is_wrong_is_an_object_too_in_a_log_for_programs(command, words, log):
    code, out, err = command(*words, *log)
    error, end = lines_of(err)
    assert (code, out) == (2, "")
    assert error["kind"] == "error"
    assert "nope" in error["text"]
    assert not error["text"].startswith("reliseg: ")
    assert (end["kind"], end["exit_code"]) == ("end", 2)


def test_problems_that_the_check_finds_are_objects_too(command, street):
    street.image("test", 2000).write_bytes(b"no image")
    code, _, err = command("check", street.config, "--log", "json")
    lines = lines_of(err)
    assert code == lines[-1]["exit_code"] == 2
    assert any(line["kind"] == "error" and "2000" in line["text"] for line in lines)


def test_pictures_of_a_stage_that_makes_no_results_are_refused_with_the_one_that_does(command, street):
    code, out, err = command("run", street.config, "--stage", "evaluate", "--pictures", "2")
    assert (code, out) == (2, "")
    assert err == (
        "reliseg: --pictures shows results, and --stage evaluate makes none; give it with --stage measure alone\n"
    )


def test_short_form_that_says_too_little_is_refused(command):
    for words in (["run"], ["run", "--model", "stored:x"], ["run", "--model", "x", "--data", "camvid=y"]):
        code, _, err = command(*words)
        assert code == 2
        assert err.startswith("reliseg: ")


SHARED = ["model", "data", "calibrate", "calibrate-on", "calibrate-from", "test", "reference"]
STAGED = ["on-error", "checkpoint", "stage", "part", "per", "engine", "address", "gpus-per-model", "actors"]
LAST = ["protocol", "reading", "without", "workers", "device", "limit"]


@pytest.mark.parametrize(
    ("verb", "options"),
    [
        ("run", ["out", *SHARED, "score", *LAST, "save", "pictures", "verify", *STAGED, "log"]),
        ("check", [*SHARED, *LAST, "full", "log"]),
    ],
)
def test_help_lists_the_options_in_their_order_with_their_meaning(command, monkeypatch, verb, options):
    monkeypatch.setenv("COLUMNS", "200")
    code, out, _ = command(verb, "--help")
    assert code == 0
    assert re.findall(r"^  --([a-z-]+)", out.partition("Options:")[2], re.MULTILINE) == [*options, "help"]
    text = " ".join(re.sub("<.*?>", "", out).split())
    for line in (
        "--model A model: KIND:WHERE[,KEY=VALUE...], e.g. hf:my/segformer. Repeat for more.",
        "--calibrate Calibration methods, e.g. ts,class_ts; needs --calibrate-on.",
        "--without DATA[/DOMAIN] of the protocol to leave out.",
        "--limit Use only the first N samples of each domain. [x>=1]",
    ):
        assert line in text


def test_a_file_and_the_short_form_exclude_each_other_but_not_what_overrides_a_file(command, street):
    assert command("check", street.config, "--limit", 2, "--device", "cpu", "--workers", 1)[0] == 0
    code, _, err = command("check", street.config, "--test", "street/day")
    assert code == 2
    assert err == "reliseg: give either a CONFIG.yaml or --model and --data (or --protocol), not both\n"


def test_help_does_not_import_what_is_slow():
    code = "import atexit, sys\nfrom reliseg.cli import main\nsys.argv = ['reliseg', '--help']\n"
    code += "slow = {'numpy', 'numba', 'torch', 'pydantic', 'scipy'}\n"
    code += "atexit.register(lambda: print(sorted(slow & set(sys.modules))))\nmain()"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines()[-1] == "[]"
    assert "run" in ended.stdout


def test_the_configuration_is_written_with_every_default(command, street, tmp_path):
    ask_for_all(street)
    assert command("run", street.config, "--out", tmp_path / "out")[0] == 0
    written = yaml.safe_load((tmp_path / "out" / "config.yaml").read_text())
    assert written["scores"] == ["msp", "neg_entropy", "margin", "max_logit", "neg_energy"]
    assert written["sample"] == {"per_image": 20000, "cap": 10000000}
    assert written["seed"] == 0


def test_python_m_is_the_command():
    ended = subprocess.run([sys.executable, "-m", "reliseg", "--version"], capture_output=True, text=True, check=True)
    assert ended.stdout.startswith("reliseg ")


def test_the_status_of_a_run_says_what_its_process_does_and_did(command, street, tmp_path):
    assert command("run", street.config, "--out", tmp_path / "out")[0] == 0
    code, out, err = command("status", tmp_path / "out")
    assert (code, err) == (0, "")
    first, _, names, shards = out.splitlines()
    assert first == f"{tmp_path / 'out'}: 1 done"
    assert names.split() == ["stage", "done", "of", "failed"]
    stage, done, total, failed = shards.split()
    assert (stage, failed) == ("evaluate", "-")
    assert int(done) == int(total) > 0
    code, out, err = command("status", tmp_path / "out", "--json", "--watch")
    (process,) = json.loads(out)["processes"]
    assert (code, err, process["pid"], process["state"]) == (0, "", os.getpid(), "done")


def test_the_status_of_an_incomplete_run_says_that_it_failed_and_why(command, tmp_path):
    street = make_street(tmp_path / "street", cal=3, day=4, dusk=12)
    np.savez(street.logits("test", 2010), logits=np.full((11, 6, 8), np.nan, np.float32))
    assert command("run", street.config, "--out", tmp_path / "out")[0] == 1
    _, out, _ = command("status", tmp_path / "out")
    assert out.startswith(f"{tmp_path / 'out'}: 1 failed")
    assert "s287/s287_2010" in out


def test_the_status_of_what_is_no_run_is_refused(command, tmp_path):
    for words in (["status"], ["status", tmp_path], ["status", tmp_path / "none"]):
        code, out, err = command(*words)
        assert (code, out) == (2, "")
        assert err.startswith("reliseg: ")
        assert "folder of a run" in err


def test_the_status_shows_each_stage_and_what_its_parts_have_stored(command, street, tmp_path):
    def sums():
        _, out, _ = command("status", tmp_path / "out", "--json")
        return {kind: (stage["done"], stage["total"]) for kind, stage in json.loads(out)["stages"].items()}

    def carry_out(*words):
        assert command("run", street.config, "--out", tmp_path / "out", "--stage", *words)[0] == 0

    carry_out("sample")
    assert sums() == {"sample": (1, 1)}
    carry_out("fit")
    carry_out("evaluate", "--part", "1/2")
    assert sums() == {"sample": (1, 1), "fit": (1, 1), "evaluate": (1, 3)}
    carry_out("evaluate", "--part", "2/2")
    assert sums()["evaluate"] == (3, 3)
    carry_out("evaluate", "--part", "2/2")  # again, with nothing to do
    assert sums()["evaluate"] == (3, 3)
    carry_out("measure")
    _, out, _ = command("status", tmp_path / "out")
    assert out.startswith(f"{tmp_path / 'out'}: 5 done\n")
