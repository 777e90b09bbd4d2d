"""Calibrations that a configuration loads, from folders, files and object stores."""

from pathlib import Path

import pytest
from helpers import s3_server
from helpers.s3_server import Server
from helpers.street import Street, make_street

import reliseg
from reliseg.calibration.records.record import encode_record
from reliseg.errors import ConfigError
from reliseg.plan.records import StoredRecords, load_records


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Street:
    """A street with a run, `run`, that has fitted a calibration."""
    street = make_street(tmp_path_factory.mktemp("street"), cal=4, day=3, dusk=1)
    reliseg.run_config(street.config, street.root / "run")
    return street


@pytest.fixture
def bucket(s3: Server, fitted: Street) -> str:
    run = fitted.root / "run"
    files = {f"runs/a/{p.relative_to(run).as_posix()}": p.read_bytes() for p in run.rglob("*") if p.is_file()}
    s3_server.put(s3, "records", files)
    s3.heal()
    return "s3://records/runs"


def encoded(stored: StoredRecords) -> dict[str, list[object]]:
    """The records as they are stored, with what lies beside them."""
    return {
        m: [(*encode_record(r), repr(r.thresholds), repr(r.promises)) for r in rs] for m, rs in stored.by_model.items()
    }


def test_records_are_read_for_each_model(fitted: Street, tmp_path: Path) -> None:
    assert load_records([], ["net"]) == {}
    with pytest.raises(ConfigError, match="no calibration is stored here"):
        StoredRecords.read(str(tmp_path), Path())
    stored = StoredRecords.read("run", fitted.root)
    assert [r.name for r in load_records([stored], ["net"])["net"]] == ["ts@street/cal"]
    with pytest.raises(ConfigError, match="no calibration of model 'nett'; did you mean 'net'"):
        load_records([stored], ["nett"])
    with pytest.raises(ConfigError, match="ts@street/cal of net is loaded twice; load it once"):
        load_records([stored, StoredRecords.read("run", fitted.root)], ["net"])


@pytest.mark.parametrize("place", ["a", "a/calibrations", "a/calibrations/net/ts@street-cal.json"])
def test_an_object_store_gives_the_records_of_a_folder(fitted: Street, s3: Server, bucket: str, place: str) -> None:
    here, there = StoredRecords.read(str(fitted.root / "run"), Path()), StoredRecords.read(f"{bucket}/{place}", Path())
    assert encoded(there) == encoded(here)
    assert there.is_file == place.endswith(".json")
    assert s3.asked("PUT") == s3.asked("GET", "/statistics/") == 0


@pytest.mark.slow
def test_a_run_with_loaded_calibrations_is_the_one_that_loads_them_from_a_folder(
    fitted: Street, bucket: str, tmp_path: Path
) -> None:
    results = []
    for number, place in enumerate((str(fitted.root / "run"), f"{bucket}/a")):
        fitted.write(fitted.content() | {"calibration": [{"load": place}]})
        reliseg.run_config(fitted.config, tmp_path / str(number))
        results.append((tmp_path / str(number) / "results.csv").read_bytes())
    assert results[0] == results[1]
    assert f"{bucket}/a" in (tmp_path / "1" / "config.yaml").read_text()
    assert b"ts@street/cal" in results[0]


def test_what_cannot_be_had_is_one_line(s3: Server, bucket: str) -> None:
    for place, said in (
        (f"{bucket}/b", f"{bucket}/b: no calibration is stored here; give the folder of a run"),
        (f"{bucket}/a/calibrations/net/none.json", "calibration: load: .*none.json: there is no such file"),
        ("s3://nobody/a", "nobody"),
        ("https://host/run", "a web server lists no files; give s3:// or gs://, or a path"),
    ):
        with pytest.raises(ConfigError, match=said) as error:
            StoredRecords.read(place, Path())
        assert "\n" not in str(error.value)


def test_a_damaged_record_is_named_by_its_address(s3: Server, bucket: str) -> None:
    key = "runs/a/calibrations/net/ts@street-cal.json"
    s3_server.put(s3, "records", {key: s3_server.stored(s3, "records")[key].replace(b"s0_0000", b"s0_0009")})
    with pytest.raises(ConfigError, match=f"^s3://records/{key}: "):
        StoredRecords.read(f"s3://records/{key}", Path())
