"""Whole runs over stored predictions: equal to the bit however the work was split, resumed, bounded."""

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from helpers.devices import Notes
from helpers.forked import Forks
from helpers.runs import piece_files
from helpers.street import Street, ask_for_all, make_street
from PIL import Image

import reliseg
from reliseg.errors import ConfigError, IncompleteError
from reliseg.plan import shards as cutting
from reliseg.results import Results
from reliseg.run.store.piece_files import load_piece
from reliseg.runtime.progress import Silent

pytestmark = pytest.mark.slow  # each of its tests makes runs


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Street:
    return small_street(tmp_path_factory.mktemp("street"))


def small_street(root: Path) -> Street:
    """Of three scenes, and as many shards or more, in each domain that is tested; all numbers are asked for."""
    return ask_for_all(make_street(root, day=9, dusk=9))


@pytest.fixture(scope="module")
def whole(street: Street) -> Path:
    """An undisturbed run with one worker."""
    out = street.root / "whole"
    reliseg.run_config(street.config, out, workers=1)
    return out


@pytest.fixture(scope="module", autouse=True)
def _small_shards() -> Iterator[None]:
    """Several shards to a domain; processes of their own keep the usual size, and are resumed with this one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cutting, "SHARD_SIZE", 4)
        yield


def reliseg_command(*words: object) -> list[str]:
    return [sys.executable, "-m", "reliseg.cli", *map(str, words)]


def test_results_hold_every_domain_and_calibration(whole: Path) -> None:
    results = Results.read(whole / "results.json")
    found = {(r.domain, r.calibration) for r in results}
    assert found == {(d, c) for d in ("day", "dusk") for c in ("identity", "ts@street/cal")}
    assert results.value("miou", domain="day", calibration="identity") > results.value(
        "miou", domain="dusk", calibration="identity"
    )
    assert results.value("drop_miou", domain="dusk", calibration="identity") > 0
    assert not results.where(metric="drop_miou", domain="day").rows


def test_two_workers_give_the_bytes_of_one(street: Street, whole: Path) -> None:
    out = street.root / "two"
    reliseg.run_config(street.config, out, workers=2)
    assert (out / "results.csv").read_bytes() == (whole / "results.csv").read_bytes()
    for file in ("reliability.csv", "fits.csv", "curves.json", "images.csv"):
        assert (out / file).read_bytes() == (whole / file).read_bytes()


@pytest.mark.parametrize(("batch", "workers", "threads"), [(4, 1, 1), (3, 3, 2), (1, 2, 5)])
def test_batches_of_stored_logits_workers_and_threads_change_nothing(
    street: Street, whole: Path, batch: int, workers: int, threads: int, tmp_path: Path
) -> None:
    """Statistics, calibrations and results: of networks, torch itself may give other bits in a batch."""
    again = Street(tmp_path)
    content = street.content()
    content["models"][0]["where"] = str(street.root / "logits")
    content["datasets"][0]["root"] = str(street.root / "data")
    again.write(content | {"batch": batch, "threads": threads})
    reliseg.run_config(again.config, tmp_path / "out", workers=workers)
    for file in (
        "results.csv",
        "reliability.csv",
        "fits.csv",
        "curves.json",
        "images.csv",
        "calibrations/net/ts@street-cal.json",
    ):
        assert (tmp_path / "out" / file).read_bytes() == (whole / file).read_bytes()
    pieces = [path.relative_to(whole) for path in piece_files(whole)]
    assert len(pieces) > 5
    assert [path.relative_to(tmp_path / "out") for path in piece_files(tmp_path / "out")] == pieces
    for piece in pieces:
        one, other = load_piece(whole / piece), load_piece(tmp_path / "out" / piece)
        assert one is not None
        assert other is not None
        assert one.head == other.head
        assert one.observed.samples == other.observed.samples
        assert one.observed.pixels == other.observed.pixels


def test_the_order_of_domains_changes_no_number(street: Street, whole: Path, tmp_path: Path) -> None:
    again = Street(tmp_path)
    content = street.content()
    content["models"][0]["where"] = str(street.root / "logits")
    content["datasets"][0]["root"] = str(street.root / "data")
    content["test"]["on"].reverse()
    again.write(content)
    reliseg.run_config(again.config, tmp_path / "out")
    found, expected = ((out / "results.csv").read_text().splitlines() for out in (tmp_path / "out", whole))
    assert found != expected
    assert sorted(found) == sorted(expected)


@pytest.mark.parametrize("moments", [(3, 12), (8, 21)], ids=["early", "late"])
def test_a_run_killed_twice_and_resumed_gives_the_bytes_of_the_whole(
    street: Street, whole: Path, moments: tuple[int, int], tmp_path: Path, forks: Forks
) -> None:
    """Killed with SIGKILL in the middle of a shard, when so many samples are done.

    Of 6 for fitting, 18 of tests, and the 6 again that the calibration was fitted on.
    """
    out = tmp_path / "killed"
    for moment in moments:
        code = _KILLER.format(moment=moment, config=str(street.config), out=str(out))
        ended = forks.run(code=code)
        assert ended.exit_code == -signal.SIGKILL, ended.said
        assert not (out / "results.csv").exists()
    reliseg.run_config(street.config, out)
    for file in ("results.csv", "fits.csv"):
        assert (out / file).read_bytes() == (whole / file).read_bytes()


_KILLER = """
import os, signal, reliseg
from reliseg.runtime.progress import Silent

class Killer(Silent):
    done = 0

    def begin(self, title, total):
        self.evaluating = not title.endswith(": files")

    def advance(self):
        self.done += self.evaluating
        if self.done == {moment}:
            os.kill(os.getpid(), signal.SIGKILL)

reliseg.run_config({config!r}, {out!r}, progress=Killer())
"""


def test_a_run_killed_by_time_is_resumed(street: Street, whole: Path, tmp_path: Path) -> None:
    out = tmp_path / "killed"
    process = subprocess.Popen(reliseg_command("run", street.config, "--out", out), stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while not list(out.glob("statistics/**/*.zip")) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    process.kill()
    process.communicate()
    reliseg.run_config(street.config, out)
    assert (out / "results.csv").read_bytes() == (whole / "results.csv").read_bytes()


def test_finished_shards_are_not_evaluated_again(street: Street, whole: Path, tmp_path: Path) -> None:
    out = shutil.copytree(whole, tmp_path / "run")
    before = {p: p.stat().st_mtime_ns for p in piece_files(out)}
    reliseg.run_config(street.config, out)
    assert before == {p: p.stat().st_mtime_ns for p in piece_files(out)}
    assert len(before) > 4


def test_a_broken_shard_is_evaluated_again(street: Street, whole: Path, tmp_path: Path) -> None:
    out = shutil.copytree(whole, tmp_path / "run")
    _, broken, other, *_ = intact = list(piece_files(out))
    content = bytearray(broken.read_bytes())
    content[len(content) // 2] ^= 0xFF
    broken.write_bytes(bytes(content))
    other.write_bytes(other.read_bytes()[:100])
    assert load_piece(other) is None
    heard = Notes()
    reliseg.run_config(street.config, out, progress=heard)
    assert sum(f"{broken} is not whole" in note or f"{other} is not whole" in note for note in heard.lines) > 0
    assert list(piece_files(out)) == intact
    assert (out / "results.csv").read_bytes() == (whole / "results.csv").read_bytes()


def test_a_folder_of_something_else_is_refused_and_one_of_another_configuration_is_not(
    street: Street, whole: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="not empty and holds no run"):
        reliseg.run_config(street.config, street.root)
    content = street.content()
    other = Street(tmp_path)
    content["datasets"][0]["root"] = str(street.root / "data")
    content["models"][0]["where"] = str(street.root / "logits")
    other.write(content | {"seed": 5})
    out = shutil.copytree(whole, tmp_path / "out")
    reliseg.run_config(other.config, out)
    reliseg.run_config(other.config, tmp_path / "fresh")
    assert (out / "results.csv").read_bytes() == (tmp_path / "fresh" / "results.csv").read_bytes()


def test_a_bad_sample_costs_its_domain_only_and_is_mended_by_the_next_run(whole: Path, tmp_path: Path) -> None:
    street = small_street(tmp_path / "street")  # the same as that of the whole run, to be changed
    path = street.logits("test", 2003)
    intact = path.read_bytes()
    logits = dict(np.load(path))["logits"]
    logits[3, 2, 2] = np.nan
    np.savez(path, logits=logits)
    out = tmp_path / "out"
    with pytest.raises(IncompleteError, match=r"street/dusk.*1 sample .*s286/s286_2003.*NaN") as caught:
        reliseg.run_config(street.config, out)
    assert caught.value.exit_code == 1
    results = Results.read(out / "results.json")
    assert {r.domain for r in results} == {"day"}
    shards = {path.parent for path in piece_files(out)}
    before = {path: path.stat().st_mtime_ns for path in piece_files(out)}
    path.write_bytes(intact)
    assert reliseg.run_config(street.config, out).to_csv() == (whole / "results.csv").read_text()
    now = piece_files(out)
    written = [head for path, head in now.items() if before.get(path) != path.stat().st_mtime_ns]
    assert {path.parent for path in now} == shards
    assert {i.partition("/")[0] for head in written for i in head.head.hashes} == {"s286"}, "of the shard of its scene"
    assert len(now) == len(before)


@pytest.mark.parametrize("damage", ["unlisted id", "truncated image"])
def test_bad_files_that_the_check_does_not_open_are_found_in_the_run(tmp_path: Path, damage: str) -> None:
    street = ask_for_all(make_street(tmp_path / "street", dusk=12))
    path = street.mask("test", 2011)
    if damage == "unlisted id":
        mask = np.array(Image.open(path))
        mask[5, 5] = 77
        Image.fromarray(mask).save(path)
    else:
        path.write_bytes(path.read_bytes()[:60])
    out = tmp_path / "out"
    with pytest.raises(IncompleteError, match="id 77" if damage == "unlisted id" else r"s287_2011\.png"):
        reliseg.run_config(street.config, out)
    assert {r.domain for r in Results.read(out / "results.json")} == {"day"}


def test_unions_are_merged_from_their_members(street: Street, whole: Path, tmp_path: Path) -> None:
    content = street.content()
    content["datasets"][0]["domains"]["both"] = {"union": ["day", "dusk"]}
    content["datasets"][0]["root"] = str(street.root / "data")
    content["models"][0]["where"] = str(street.root / "logits")
    content["test"]["on"] = ["street/both", "street/day"]
    other = Street(tmp_path)
    other.write(content)
    results = reliseg.run_config(other.config, tmp_path / "out")
    alone = Results.read(whole / "results.json")
    n = {d: alone.where(domain=d, calibration="identity").rows[0].n_pixels for d in ("day", "dusk")}
    nll = {d: alone.value("nll", domain=d, calibration="identity") for d in n}
    both = results.value("nll", domain="both", calibration="identity")
    assert both == pytest.approx(sum(n[d] * nll[d] for d in n) / sum(n.values()), rel=1e-12)
    assert results.where(domain="both").rows[0].n_images == 18


def test_saved_logits_are_read_back_to_the_same_results(street: Street, tmp_path: Path) -> None:
    from reliseg.config.schema import read_config, render_config
    from reliseg.plan.build import plan_from_config
    from reliseg.run.execute import Run

    config = read_config(street.config)
    plan = plan_from_config(config, street.root)
    out = tmp_path / "out"
    kinds = ("prediction", "color", "confidence", "logits")
    first = Run(plan, out, render_config(config, street.root), save=kinds).execute()
    saved = out / "saved" / "net" / "street" / "day"
    files = sorted(p.name for p in (saved / "s143").iterdir())
    assert files[:4] == ["s143_1001.npz", "s143_1001_color.png", "s143_1001_conf.png", "s143_1001_pred.png"]
    confidence = np.array(Image.open(saved / "s143" / "s143_1001_conf.png"))
    assert confidence.dtype == np.uint16
    assert len(list((saved.parent / "cal").rglob("*.npz"))) == 6
    assert confidence.min() > 65535 // 12
    content = street.content()
    content["models"][0]["where"] = str(saved.parent)
    content["datasets"][0]["root"] = str(street.root / "data")
    again = Street(tmp_path)
    again.write(content)
    second = reliseg.run_config(again.config, tmp_path / "second")
    for metric in ("miou", "ece", "nll"):
        for calibration in ("identity", "ts@street/cal"):  # fitted again, without the network
            expected = first.value(metric, domain="day", calibration=calibration)
            found = second.value(metric, domain="day", calibration=calibration)
            assert found == pytest.approx(expected, abs=1e-3)  # float16 logits


def test_peak_memory_does_not_grow_with_the_number_of_images(tmp_path: Path) -> None:
    """147 more images take names and a dozen numbers each: about 650 bytes, 420 from 200 to 400 images.

    A kept image would be 15 kB at least, its logits 2 kB more. The largest shard of both is one of 55 images, whose
    rows are in memory until it is written. When a domain's numbers are computed, what intervals need of its images is
    there: 40 kB of each, and as much for the reference, and for what is computed of them. With one worker one domain is
    measured at a time, so that peaks do not depend on which of them meet.
    """
    many = ask_for_all(make_street(tmp_path / "many", cal=2, day=202, dusk=1))
    few = ask_for_all(make_street(tmp_path / "few", cal=2, day=55, dusk=1))
    peaks = {}
    for street in (few, many):
        code = _MEASURED.format(warm=str(few.config), config=str(street.config), out=str(street.root / "run"))
        ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert ended.returncode == 0, ended.stderr
        peaks[street] = tuple(map(int, ended.stdout.split()))
    evaluated, measured = (more - less for more, less in zip(peaks[many], peaks[few], strict=True))
    assert 0 < evaluated < 147 * 800
    assert measured < 147 * 160_000


# Caches of fixed size are filled by a first run. Garbage in cycles, and the freed tuples that Python keeps, would be
# counted as memory in use: they are collected after every image, among the objects that are new. Python's table of
# interned names, paths among them, doubles with the name that fills it: here it is large enough before.
_MEASURED = """
import gc, sys, tracemalloc, reliseg
from reliseg.run.measure import splits
from reliseg.runtime.progress import Silent

def measure_splits(*given, whole=splits.measure_splits):
    global evaluated
    evaluated = tracemalloc.get_traced_memory()[1]
    tracemalloc.reset_peak()
    return whole(*given)

splits.measure_splits = measure_splits
names = [sys.intern(f"a name {{i}}") for i in range(50_000)]
tracemalloc.start()
reliseg.run_config({warm!r}, {out!r} + "-warm")
gc.collect()
gc.freeze()
Silent.advance = lambda self, count=1: gc.collect()
before = tracemalloc.get_traced_memory()[0]
tracemalloc.reset_peak()
reliseg.run_config({config!r}, {out!r}, workers=1)
print(evaluated - before, tracemalloc.get_traced_memory()[1] - before)
"""


def test_clusters_need_a_feature_and_say_so(tmp_path: Path) -> None:
    street = make_street(tmp_path / "street", day=3, dusk=4)
    content = street.content()
    content["calibration"][0]["methods"] = ["class-ts", "cluster-ts(k=2)"]
    street.write(content)
    with pytest.raises(IncompleteError, match=r"cluster_ts: 6 images without a feature \(first: s0/s0_0000\)"):
        reliseg.run_config(street.config, tmp_path / "without")
    others = Results.read(tmp_path / "without" / "results.json")  # what can be fitted is evaluated
    assert {r.calibration for r in others} == {"identity", "class_ts@street/cal"}
    for path in (street.root / "logits").rglob("*.npz"):
        with np.load(path) as stored:
            logits = stored["logits"]
        feature = np.array([1.0, int(path.stem[-1]) % 2], np.float32)
        np.savez(path, logits=logits, feature=feature)
    results = reliseg.run_config(street.config, tmp_path / "with")
    clusters = ("cluster_ts(k=2)", "cluster_ts(k=2,seed=42)", "cluster_ts(k=2,seed=43)")
    assert {r.calibration for r in results} == {"identity", *(f"{m}@street/cal" for m in ("class_ts", *clusters))}
    path = street.logits("test", 2003)
    np.savez(path, logits=np.load(path)["logits"])
    with pytest.raises(IncompleteError, match="s286/s286_2003: cluster_ts needs a feature of each image"):
        reliseg.run_config(street.config, tmp_path / "again")


def test_a_union_without_one_of_its_members_is_said_to_have_no_results(tmp_path: Path) -> None:
    street = ask_for_all(make_street(tmp_path / "street", dusk=2))
    content = street.content()
    content["datasets"][0]["domains"]["both"] = {"union": ["day", "dusk"]}
    content["test"]["on"] = ["street/both", "street/day"]
    street.write(content)
    np.savez(street.logits("test", 2001), logits=np.full((11, 6, 8), np.nan, np.float32))
    with pytest.raises(IncompleteError, match="street/both: no results, because street/dusk is incomplete"):
        reliseg.run_config(street.config, tmp_path / "out")


def test_a_temperature_at_the_end_of_its_range_is_said(tmp_path: Path) -> None:
    street = ask_for_all(make_street(tmp_path / "street", cal=2, day=1, dusk=1))
    for path in (street.root / "logits").rglob("*.npz"):
        with np.load(path) as stored:
            np.savez(path, logits=np.random.default_rng(0).permutation(stored["logits"], axis=0) * 100)

    class Notes(Silent):
        said: ClassVar[list[str]] = []

        def note(self, text: str) -> None:
            self.said.append(text)

    reliseg.run_config(street.config, tmp_path / "out", progress=Notes())
    assert any("ts@street/cal: the temperature is at the end of its range, 20" in line for line in Notes.said)
