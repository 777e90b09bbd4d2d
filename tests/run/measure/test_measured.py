"""A number is measured once: where a run grows, only what is new is, and where anything changed that it is made of."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.street import Street, add_features, make_street

import reliseg
from reliseg.results.replicates import Replicates
from reliseg.run.measure import measure as measuring
from reliseg.run.measure import promises, splits
from reliseg.run.measure.numbers import with_intervals

TABLES = ("results.csv", "images.csv", "fits.csv", "reliability.csv", "curves.json")


@pytest.fixture
def street(tmp_path: Path) -> Street:
    """It has been evaluated, with a threshold that keeps a promise."""
    made = make_street(tmp_path / "street", cal=24, day=3, dusk=2)
    made.write(made.content() | {"accept": {"risk": 0.3}})
    run(made)
    return made


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is measured from now on: domains under calibrations, splits and grounds."""
    found: list[str] = []

    def counting(numbers):
        every = with_intervals(numbers)
        row = every[0].row
        found.append(f"{row.model} {row.domain} {row.calibration.partition('@')[0]}")
        return every

    def reading(module, what):
        load = module.load_state

        def counted(coverages, members, calibration, **how):
            found.append(f"{coverages.run.name} {what} {calibration.partition('@')[0]}")
            return load(coverages, members, calibration, **how)

        monkeypatch.setattr(module, "load_state", counted)

    monkeypatch.setattr(measuring, "with_intervals", counting)
    reading(splits, "split")
    reading(promises, "ground")
    return found


def run(street: Street, out: str = "out") -> Path:
    reliseg.run_config(street.config, street.root / out)
    return street.root / out


def tables(out: Path) -> list[bytes]:
    return [(out / name).read_bytes() for name in TABLES]


def test_a_calibration_and_a_model_more_measure_what_is_new(street: Street, measured: list[str]) -> None:
    content = street.content()
    (model,) = content["models"]
    content["calibration"][0]["methods"] = [*content["calibration"][0]["methods"], "vector"]
    street.write(content)
    run(street)
    assert sorted(measured) == ["net day vector", "net dusk vector", "net ground vector", "net split vector"]
    measured.clear()
    content["models"].append(model | {"name": "other"})
    street.write(content)
    grown = run(street)
    assert measured
    assert all(line.startswith("other ") for line in measured)
    assert tables(grown) == tables(run(street, "fresh"))


def test_a_domain_more_measures_that_one(street: Street, measured: list[str]) -> None:
    content = street.content()
    whole = list(content["test"]["on"])
    content["test"]["on"] = whole[:1]
    street.write(content)
    run(street, "grown")
    measured.clear()
    content["test"]["on"] = whole
    street.write(content)
    grown = run(street, "grown")
    assert sorted(measured) == ["net dusk identity", "net dusk ts"]
    assert tables(grown) == tables(street.root / "out")


def fewer_metrics(content: dict) -> None:
    content["metrics"] = [m for m in content["metrics"] if m != "transfer"]


def score(content: dict) -> None:
    content["scores"] = [*content["scores"], "margin"]


def promise(content: dict) -> None:
    content["accept"] = {"risk": 0.2}


@pytest.mark.parametrize("change", [fewer_metrics, score, promise])
def test_what_is_asked_otherwise_is_measured_again(
    street: Street, measured: list[str], change: Callable[[dict], None]
) -> None:
    content = street.content()
    change(content)
    street.write(content)
    grown = run(street)
    assert {"net day identity", "net dusk ts"} <= set(measured)
    assert tables(grown) == tables(run(street, "fresh"))


def kept_files(street: Street) -> list[Path]:
    return sorted((street.root / "out" / "measured").glob("??/*.json.gz"))


def anew(street: Street) -> Path:
    """The run again, whose tables are made again."""
    (street.root / "out" / "results.csv").unlink()
    return run(street)


def test_what_is_known_makes_the_same_tables_and_is_not_measured(street: Street, measured: list[str]) -> None:
    before, files = tables(street.root / "out"), kept_files(street)
    assert tables(anew(street)) == before
    assert not measured
    assert kept_files(street) == files


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def without_a_column(path: Path) -> None:
    content = json.loads(gzip.decompress(path.read_bytes()))
    for one in content.values():
        one["rows"] = [row[:-1] for row in one["rows"]]
    path.write_bytes(gzip.compress(json.dumps(content).encode()))


def with_a_file_elsewhere(path: Path) -> None:
    content = json.loads(gzip.decompress(path.read_bytes()))
    for one in content.values():
        one["files"] = {"replicates/../../street.yaml": ""}
    path.write_bytes(gzip.compress(json.dumps(content).encode()))


@pytest.mark.parametrize("damage", [cut, without_a_column, with_a_file_elsewhere])
def test_a_file_that_is_not_as_it_was_written_is_measured_again(
    street: Street, measured: list[str], damage: Callable[[Path], None]
) -> None:
    before = tables(street.root / "out")
    of_domains = [path for path in kept_files(street) if b'"reliability"' in gzip.decompress(path.read_bytes())]
    for path in of_domains:
        damage(path)
    assert tables(anew(street)) == before
    assert len(measured) == len(of_domains) > 0


@pytest.mark.parametrize("change", [Path.unlink, lambda path: path.write_bytes(b"")])
def test_replicates_that_are_gone_or_others_are_written_again(
    street: Street, measured: list[str], change: Callable[[Path], None]
) -> None:
    (path, *_) = sorted((street.root / "out" / "replicates").glob("??/*.npz"))
    before = path.read_bytes()
    change(path)
    anew(street)
    assert len(measured) == 1
    assert path.read_bytes() == before


def test_replicates_lie_there_of_each_seed_and_of_their_mean(street: Street) -> None:
    content = add_features(street).content()
    content["calibration"][0]["methods"] = ["cluster_ts(k=2,seeds=[1,2])"]
    street.write(content)
    out = run(street)
    rows = reliseg.Results.read(out).where(metric="miou", class_="", domain="dusk").rows
    assert len({row.calibration for row in rows}) == 4  # identity, two seeds, their mean
    assert all(Replicates(out).of(row) is not None for row in rows)
