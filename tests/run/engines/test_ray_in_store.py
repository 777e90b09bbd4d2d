"""A run whose data and folder lie in an object store, on workers of Ray that share no cache with who measures."""

import json
from pathlib import Path

import pytest
from helpers import s3_server
from helpers.ray_clusters import two_nodes
from helpers.runs import run_of
from helpers.s3_server import Server
from helpers.street import Street, make_street

from reliseg.results.names import INDEX_FILE
from reliseg.run.depot.open import open_depot
from reliseg.run.engines.ray_engine import RayEngine
from reliseg.run.execute import Run
from reliseg.runtime.progress import Silent

pytestmark = [pytest.mark.slow, pytest.mark.ray]
SAVED = ("prediction", "confidence", "color", "logits", "image", "confidence@ts@street/cal")
RESULTS = ("results.csv", "reliability.csv", "fits.csv", "curves.json", "images.csv")


class Lines(Silent):
    """Keeps what is noted."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, text: str) -> None:
        self.lines.append(text)


def run_in(street: Street, out: str | Path, engine: RayEngine | None = None) -> Run:
    """The run of the street with files of each image, and pictures of the worst."""
    folder, depot = open_depot(out)
    return run_of(street.config, folder, progress=Lines(), engine=engine, depot=depot, pictures=1, save=SAVED)


def pictures(files: dict[str, bytes]) -> dict[str, bytes]:
    """The pictures among the files of a run, and what their index says of each."""
    found = {name: content for name, content in files.items() if name.startswith("pictures/")}
    index = json.loads(found.pop(f"pictures/{INDEX_FILE}"))
    return found | {"index": json.dumps(index["pictures"]).encode()}


def saved(files: dict[str, bytes]) -> dict[str, bytes]:
    """What was saved of each image."""
    return {name: content for name, content in files.items() if name.startswith("saved/")}


def test_workers_with_a_cache_of_their_own_give_the_bytes_pictures_and_saved_files_of_one_process(
    tmp_path: Path, s3: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    street = make_street(tmp_path / "street", cal=70, day=70, dusk=6)
    one = run_in(street, tmp_path / "one")
    one.execute()
    here = {str(p.relative_to(one.folder)): p.read_bytes() for p in one.folder.rglob("*") if p.is_file()}
    data = street.root / "data"
    s3_server.put(s3, "ray", {f"data/{p.relative_to(data)}": p.read_bytes() for p in data.rglob("*.png")})
    content = street.content()
    content["datasets"][0]["root"] = "s3://ray/data"
    street.write({**content, "threads": 2})  # one worker on each node
    monkeypatch.setenv("RELISEG_TIMEOUT", "30")  # nothing fails here, and hundreds of files are listed
    monkeypatch.setenv("RELISEG_CACHE", str(tmp_path / "cache-of-workers"))
    with two_nodes(cpus=2, connect=False) as nodes:
        monkeypatch.setenv("RELISEG_CACHE", str(tmp_path / "cache-of-the-command"))
        run = run_in(street, "s3://ray/run", RayEngine(nodes.address))
        run.execute()
    assert any("2 workers now" in line for line in run.progress.lines), run.progress.lines
    there = {name.removeprefix("run/"): content for name, content in s3_server.stored(s3, "ray").items()}
    assert {name: there[name] for name in RESULTS} == {name: here[name] for name in RESULTS}
    assert pictures(there) == pictures(here)
    assert saved(there) == saved(here)
    assert len(saved(here)) >= len(SAVED) * (70 + 6)
    assert not [path for path in tmp_path.glob("cache-of-workers/runs/*/saved/**/*") if path.is_file()]
    assert not [name for name in there if name.startswith("samples/")]
    assert list((tmp_path / "cache-of-workers" / "runs").glob("*/statistics/*/*/*.zip"))
    assert run.survey([run.context.handle(source) for source in run.plan.models])[0].missing == {}
