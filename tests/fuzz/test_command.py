"""The whole command on a small study of which one file is damaged: an exit code and plain lines, nothing outside the
run's folder, and where what a run had stored is damaged, the results of a run that was never disturbed.
"""

import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest
from helpers.street import make_street, spec_text

from fuzz.limits import address_space, bounded
from fuzz.mutations import BYTES, damage_bytes, damage_json, damage_png, damage_text, damage_zip
from fuzz.test_readers import INPUTS, SEED
from reliseg import cli

pytestmark = pytest.mark.slow
LABELS = "classes = [{}]\n"


@dataclass(frozen=True)
class Study:
    """A study, and what a run of it left."""

    root: Path
    done: Path

    @property
    def command(self) -> list[str]:
        return ["run", str(self.root / "street.yaml")]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    root = tmp_path_factory.mktemp("study")
    street = make_street(root, cal=2, day=2, dusk=1)
    names = ", ".join(f'"class {c}"' for c in range(11))
    (root / "labels.toml").write_text(LABELS.format(names))
    (root / "street.toml").write_text(spec_text("labels.toml"))
    content = street.content()
    content["models"][0]["labels"] = "labels.toml"
    content["datasets"][0]["spec"] = "street.toml"
    content["calibration"][0]["methods"] = ["identity", "ts", "vector"]
    content["scores"] = ["msp", "neg_entropy"]
    street.write(content)
    done = tmp_path_factory.mktemp("done") / "run"
    assert run(["run", str(root / "street.yaml"), "--out", str(done)]) == 0
    return Study(root, done)


def run(words: list[str]) -> int:
    """Carry out a command; return its exit code."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["reliseg", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
    return int(ended.value.code or 0)


@pytest.fixture(autouse=True)
def _limited() -> Iterator[None]:
    with address_space(6 << 30):
        yield


Damage = Callable[[Random, bytes], bytes]
INPUT_FILES: dict[str, tuple[str, tuple[Damage, ...]]] = {
    "configuration": ("street.yaml", (damage_text,)),
    "spec": ("street.toml", (damage_text,)),
    "label space": ("labels.toml", (damage_text,)),
    "image": ("data/*/s*.png", (damage_bytes, damage_png)),
    "mask": ("data/*annot/s*.png", (damage_bytes, damage_png)),
    "prediction": ("logits/*/*.npz", (damage_bytes, damage_zip)),
}
RUN_FILES: dict[str, tuple[str, tuple[Damage, ...]]] = {
    "piece": ("statistics/**/*.zip", (damage_bytes, damage_zip)),
    "fitted calibration": ("fitted/*/*.json", (damage_bytes, damage_json)),
    "memory of a model": ("models/*", (damage_bytes, damage_json)),
    "answer": ("configurations/*.json", (damage_bytes, damage_json)),
    "configuration that was asked": ("configurations/*.yaml", (damage_text,)),
    "hashes": ("inputs.sqlite", (damage_bytes,)),
    "record": ("calibrations/**/*.json", (damage_bytes, damage_json)),
    "thresholds": ("calibrations/**/*.thresholds", (damage_bytes, damage_json)),
    "configuration of the run": ("config.yaml", (damage_text,)),
    "manifest": ("manifest.json", BYTES),
    "results": ("results.*", BYTES),
}


def content_of(folder: Path) -> dict[Path, bytes]:
    """All files in a folder."""
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def choose(folder: Path, pattern: str, random: Random) -> Path:
    """One of the files that fit a pattern."""
    return random.choice(sorted(folder.glob(pattern)))


def carry_out(words: list[str], capsys: pytest.CaptureFixture[str], what: str) -> int:
    """Carry out a command, and look at what it says."""
    with bounded(what):
        code = run(words)
    out, err = capsys.readouterr()
    assert code in (0, 1, 2), f"{what}: exit code {code}"
    for text in (out, err):
        assert "Traceback" not in text, f"{what}: {text}"
        assert "unexpected " not in text.replace("unexpected key", ""), f"{what}: {text}"
        assert all(letter.isprintable() or letter == "\n" for letter in text), f"{what}: {text!r}"
    assert code == 0 or err.strip(), f"{what}: no reason is given"
    return code


@pytest.mark.parametrize("kind", INPUT_FILES)
def test_a_damaged_input_ends_in_an_exit_code_and_plain_lines(
    kind: str, study: Study, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pattern, damages = INPUT_FILES[kind]
    for seed in range(SEED, SEED + max(1, INPUTS // 200)):
        random, what = Random(f"{kind} {seed}"), f"{kind}, RELISEG_FUZZ_SEED={seed}"
        path, out = choose(study.root, pattern, random), tmp_path / f"run-{seed}"
        intact = path.read_bytes()
        path.write_bytes(random.choice(damages)(random, intact))
        before = content_of(study.root)
        words = random.choice((["check"], ["check", "--full"], ["run", "--out", str(out)], ["run", "--out", str(out)]))
        try:
            carry_out([words[0], study.command[1], *words[1:]], capsys, what)
            assert content_of(study.root) == before, f"{what}: wrote beside its inputs"
            assert set(tmp_path.iterdir()) <= {out}, f"{what}: wrote outside the run's folder"
        finally:
            path.write_bytes(intact)
            shutil.rmtree(out, ignore_errors=True)


@pytest.mark.parametrize("kind", RUN_FILES)
def test_what_a_run_had_stored_and_was_damaged_is_computed_again(
    kind: str, study: Study, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pattern, damages = RUN_FILES[kind]
    expected = (study.done / "results.csv").read_bytes()
    for seed in range(SEED, SEED + max(1, INPUTS // 200)):
        random, what = Random(f"{kind} {seed}"), f"{kind}, RELISEG_FUZZ_SEED={seed}"
        out = tmp_path / f"run-{seed}"
        shutil.copytree(study.done, out)
        path = choose(out, pattern, random)
        path.write_bytes(random.choice(damages)(random, path.read_bytes()))
        before = content_of(study.root)
        code = carry_out([*study.command, "--out", str(out)], capsys, what)
        assert code == 0, f"{what}: exit code {code}"
        assert (out / "results.csv").read_bytes() == expected, f"{what}: other results"
        assert content_of(study.root) == before, f"{what}: wrote beside its inputs"
        assert set(tmp_path.iterdir()) == {out}, f"{what}: wrote outside the run's folder"
        shutil.rmtree(out)
