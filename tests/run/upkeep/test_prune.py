"""Pruning: what a kept configuration uses stays, to the byte; all else that the run has written goes, and only that."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from helpers.runs import run_of
from helpers.stores import add_piece, files_of
from helpers.street import Street, make_street

from reliseg.errors import ConfigError, IncompleteError
from reliseg.plan.parts import Part
from reliseg.results.pictures import PictureEntry, PictureIndex
from reliseg.run.folder import RunFolder, hold_run_folder
from reliseg.run.stages import PartOfRun, conclude
from reliseg.run.upkeep.prune import Prune, Pruned

RESULTS = ("results.csv", "results.json", "fits.csv", "reliability.csv", "curves.json", "images.csv")


def prune(run: Path, *keep: Path, dry_run: bool = False) -> Pruned:
    return Prune(RunFolder(run), keep, dry_run).execute()


def written(street: Street, name: str, change: Callable[[dict], object]) -> Path:
    """A second configuration beside the first."""
    content = street.content()
    change(content)
    path = street.root / name
    before = street.config.read_text()
    street.write(content)
    street.config.rename(path)
    street.config.write_text(before)
    return path


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Street, Path, Path]:
    """A street, another configuration of it, and a run that was asked both; the first one last."""
    root = tmp_path_factory.mktemp("asked")
    street = make_street(root / "street", cal=3, day=3, dusk=3)
    other = written(street, "other.yaml", lambda c: c.update(seed=1, sample={"per_image": 50}))
    for config in (other, street.config):
        run_of(config, root / "run").execute()
    return street, other, root / "run"


@pytest.fixture
def run(asked: tuple[Street, Path, Path], tmp_path: Path) -> Path:
    """A copy of the run, to be pruned."""
    return Path(shutil.copytree(asked[2], tmp_path / "run"))


def test_what_is_kept_answers_with_the_same_bytes_and_the_rest_is_gone(asked, run, tmp_path):
    street, other, _ = asked
    before = files_of(run)
    pruned = prune(run, street.config)
    after = files_of(run)
    assert all(before[name] == content for name, content in after.items())
    gone = before.keys() - after.keys()
    assert {Path(name).parts[0] for name in gone} == {"statistics", "fitted", "configurations", "measured"}
    assert pruned.removed == len(gone)
    assert pruned.removed_size == sum(len(before[name]) for name in gone)
    looked_at = ("statistics", "fitted", "configurations", "calibrations", "measured")
    kept = [name for name in after if Path(name).parts[0] in looked_at]
    assert (pruned.kept, pruned.kept_size) == (len(kept), sum(len(after[name]) for name in kept))
    for name in RESULTS:
        (run / name).unlink()
    conclude(run_of(street.config, run))
    for name in RESULTS:
        assert (run / name).read_bytes() == before[name]
    with pytest.raises(ConfigError, match="are not fitted"):
        conclude(run_of(other, run))
    assert not [path for path in (run / "statistics").rglob("*") if path.is_dir() and not any(path.iterdir())]


def test_what_any_of_several_uses_stays(asked, run):
    street, other, _ = asked
    before = files_of(run)
    assert prune(run, street.config, other).removed == 0
    assert files_of(run) == before


def test_a_dry_run_says_the_same_and_removes_nothing(asked, run):
    street, _, _ = asked
    before = files_of(run)
    said = prune(run, street.config, dry_run=True)
    assert files_of(run) == before
    assert said == prune(run, street.config)
    assert said.removed > 0


def test_a_configuration_that_the_run_has_kept_may_be_named(asked, run):
    street, _, _ = asked
    said = prune(run, street.config, dry_run=True)
    assert prune(run, run / "config.yaml", dry_run=True) == said
    kept = [path for path in (run / "configurations").glob("*.yaml") if path.read_text() == street_text(run)]
    assert prune(run, *kept) == said


def street_text(run: Path) -> str:
    return (run / "config.yaml").read_text()


def test_damaged_pieces_and_those_of_other_formats_go(asked, run, monkeypatch):
    street, other, _ = asked
    (first, *_) = sorted((run / "statistics").glob("*/*/*.zip"))
    damaged = first.with_name(f"{'0' * 32}.zip")
    damaged.write_bytes(first.read_bytes()[:-50])
    with monkeypatch.context() as patched:
        patched.setattr("reliseg.run.store.piece_files.FORMAT", 7)
        _, foreign = add_piece(run)
    older = run / "statistics" / "net" / "street" / "day" / "s" / "0123.zip"
    older.parent.mkdir(parents=True)
    older.write_bytes(b"PK")
    before = files_of(run)
    prune(run, street.config, other)
    assert before.keys() - files_of(run).keys() == {str(p.relative_to(run)) for p in (damaged, foreign, older)}
    assert not (run / "statistics" / "net").exists()


def test_nothing_else_is_touched(asked, run, tmp_path):
    street, _, _ = asked
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "0123.zip").write_bytes(b"mine")
    (run / "statistics" / "ab").mkdir(exist_ok=True)
    (run / "statistics" / "ab" / "linked").symlink_to(outside)
    (run / "statistics" / "ab" / "linked.zip").symlink_to(outside / "0123.zip")
    (run / "statistics" / "notes.txt").write_text("mine")
    (run / "configurations" / "mine.yaml").write_text("mine")
    (run / "saved").mkdir()
    (run / "saved" / "0123.zip").write_bytes(b"mine")
    prune(run, street.config)
    assert (outside / "0123.zip").read_bytes() == b"mine"
    left = ("statistics/ab/linked", "statistics/ab/linked.zip", "statistics/notes.txt", "configurations/mine.yaml")
    assert all((run / name).exists() for name in (*left, "saved/0123.zip"))


def test_a_folder_that_is_a_link_is_refused(asked, run, tmp_path):
    street, _, _ = asked
    (run / "fitted").rename(tmp_path / "elsewhere")
    (run / "fitted").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match="fitted is a link, and nothing behind links is removed"):
        prune(run, street.config)


def test_a_model_that_the_run_does_not_know_is_refused(asked, run, tmp_path):
    street, _, _ = asked
    shutil.copytree(street.root / "logits", street.root / "others", dirs_exist_ok=True)
    path = written(
        street, "unknown.yaml", lambda c: c["models"].append(c["models"][0] | {"name": "new", "where": "others"})
    )
    before = files_of(run)
    with pytest.raises(ConfigError, match="knows nothing of model new"):
        prune(run, path)
    shutil.rmtree(street.root / "others")
    assert files_of(run) == before


def test_only_a_run_is_pruned_by_one_process_and_for_a_configuration(asked, run, tmp_path):
    street, _, _ = asked
    with pytest.raises(ConfigError, match="give at least one configuration"):
        prune(run)
    with pytest.raises(ConfigError, match="holds no run"):
        prune(tmp_path, street.config)
    with hold_run_folder(RunFolder(run), shared=True), pytest.raises(ConfigError, match="parts of a run are at work"):
        prune(run, street.config)


def test_samples_stay_while_a_calibration_is_not_fitted(asked, tmp_path):
    street, _, _ = asked
    run = tmp_path / "run"
    PartOfRun(run_of(street.config, run), "sample", Part()).execute()
    samples = sorted((run / "samples").rglob("*"))
    assert samples
    prune(run, street.config)
    assert sorted((run / "samples").rglob("*")) == samples
    without = written(street, "without.yaml", lambda c: c.pop("calibration"))
    prune(run, without)
    assert not (run / "samples").exists()


def test_statistics_of_a_calibration_that_is_lost_stay(asked, run):
    street, _, _ = asked
    statistics = {name for name in files_of(run) if name.startswith("statistics")}
    shutil.rmtree(run / "fitted")
    prune(run, street.config)
    run_of(street.config, run).execute()
    assert {name for name in files_of(run) if name.startswith("statistics")} == statistics


def test_calibrations_stay_that_the_results_or_a_kept_configuration_have(asked, run):
    street, other, _ = asked
    third = written(street, "vector.yaml", lambda c: c["calibration"][0].update(methods=["identity", "vector"]))
    run_of(third, run).execute()
    records = {name for name in files_of(run) if name.startswith("calibrations/")}
    assert {Path(name).stem.partition("@")[0] for name in records} == {"ts", "vector"}
    prune(run, third, street.config)
    assert records <= files_of(run).keys()
    prune(run, third)
    left = {name for name in files_of(run) if name.startswith("calibrations/")}
    assert left == {name for name in records if "/vector@" in name}
    prune(run, other)  # the results are of another configuration, and stay as they are
    assert left == {name for name in files_of(run) if name.startswith("calibrations/")}


def test_why_samples_failed_stays(asked, run):
    street, _, _ = asked
    prune(run, street.config)
    context = run_of(street.config, run).context
    (place, *_) = (path.parent.name for path in sorted((run / "statistics").glob("*/*/*.zip")))
    context.store.note_failures(place, {"s": "of nothing that is kept"})
    before = files_of(run)
    prune(run, street.config)
    (gone,) = before.keys() - files_of(run).keys()
    assert gone.endswith("failures.json")


def test_failures_of_a_kept_configuration_stay(tmp_path):
    broken = make_street(tmp_path / "street", cal=3, day=3, dusk=3)
    np.savez(broken.logits("train", 1002), logits=np.full((11, 6, 8), np.nan, np.float32))
    run = tmp_path / "run"
    with pytest.raises(IncompleteError):
        run_of(broken.config, run).execute()
    before = files_of(run)
    assert [name for name in before if name.endswith("failures.json")]
    prune(run, broken.config)
    assert files_of(run) == before


def test_pictures_that_the_index_does_not_name_go_and_the_others_stay(run, asked):
    street, other, _ = asked
    folder = run / "pictures"
    folder.mkdir()
    shown, gone = (f"{digit * 32}.npz" for digit in "ab")
    entry = PictureEntry("net", "street", "day", "s142/1", 1, True, shown, {"identity": shown})
    index = PictureIndex(1, 2, {}, [entry]).to_json()
    for name, content in ((shown, "shown"), (gone, "gone"), ("index.json", index), ("mine.txt", "mine")):
        (folder / name).write_text(content)
    prune(run, street.config, other)
    assert sorted(path.name for path in folder.iterdir()) == sorted([shown, "index.json", "mine.txt"])
