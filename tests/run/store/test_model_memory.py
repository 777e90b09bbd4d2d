"""What is known of a model is remembered as long as its files hold what they held."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from helpers.plans import SilentModel

from reliseg.errors import ConfigError
from reliseg.plan.plan import ModelSource
from reliseg.run.hashes import InputHashes
from reliseg.run.predict import model_facts
from reliseg.run.store import made
from reliseg.run.store.model_memory import ModelHandle, ModelMemory


@dataclass
class World:
    """A model with a file of weights, and how often it was loaded."""

    root: Path
    loaded: list[str] = field(default_factory=list)

    @property
    def weights(self) -> Path:
        return self.root / "weights.pt"

    def source(self, described: str = "net") -> ModelSource:
        world = self

        class Loaded(SilentModel):
            def provenance(self) -> dict[str, object]:
                return {"files": {str(world.weights): world.weights.read_text()}}

        def load() -> SilentModel:
            world.loaded.append(described)
            return Loaded()

        return ModelSource("net", load, described)

    def look(self, described: str = "net", *, verify: bool = False) -> int:
        """Look at the model's facts as a new run does; return how often it was loaded for that."""
        self.loaded.clear()
        handle = ModelHandle(self.source(described), ModelMemory(self.root / "models", InputHashes(verify=verify)))
        assert handle.facts.provenance == {"files": {str(self.weights): self.weights.read_text()}}
        return len(self.loaded)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(model_facts, "parts_of_code", lambda plugins: {})  # as of a kind that ships
    found = World(tmp_path)
    (tmp_path / "models").mkdir()
    found.weights.write_text("1")
    return found


def test_a_model_is_loaded_once_and_known_from_then_on(world: World) -> None:
    assert [world.look(), world.look()] == [1, 0]
    assert world.look("net with other options") == 1


def test_a_changed_file_and_a_new_one_beside_are_seen(world: World) -> None:
    world.look()
    world.weights.write_text("2")
    assert [world.look(), world.look()] == [1, 0]
    (world.root / "adapter.json").write_text("{}")
    assert [world.look(), world.look()] == [1, 0]


def test_a_model_that_is_another_when_it_is_loaded_is_said_and_known_from_then_on(world: World) -> None:
    world.look()

    def handle_on(device: str) -> ModelHandle:
        class Loaded(SilentModel):
            def provenance(self) -> dict[str, object]:
                return {"files": {str(world.weights): world.weights.read_text()}, "device": device}

        memory = ModelMemory(world.root / "models", InputHashes())
        return ModelHandle(ModelSource("net", Loaded, "net on auto"), memory)

    first = handle_on("cuda:0")
    assert first.facts.provenance["device"] == "cuda:0"
    first.remember()
    second = handle_on("cpu")
    assert second.facts.provenance["device"] == "cuda:0"
    with pytest.raises(ConfigError, match=r"^net: it computes on cpu now, and on cuda:0 when it was .*--device"):
        _ = second.model
    third = handle_on("cpu")
    assert third.facts.provenance["device"] == "cpu"
    assert third.model.provenance()["device"] == "cpu"


def test_a_model_that_is_called_by_another_path_is_no_other_one(world: World) -> None:
    world.look()

    def handle_at(where: str) -> ModelHandle:
        class Loaded(SilentModel):
            def provenance(self) -> dict[str, object]:
                return {"files": {str(world.weights): world.weights.read_text()}, "where": where}

        return ModelHandle(ModelSource("net", Loaded, "the net"), ModelMemory(world.root / "models", InputHashes()))

    first = handle_at("net")
    assert first.facts.provenance["where"] == "net"
    first.remember()
    second = handle_at(str(world.root / "net"))
    assert second.facts.provenance["where"] == "net"
    assert second.model.provenance()["where"] == str(world.root / "net")


def test_a_verified_run_and_one_with_another_package_load_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.look()
    assert world.look(verify=True) == 1
    monkeypatch.setattr(made, "version_of", lambda package: "0")
    assert world.look() == 1


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"facts": {}, "sha256": "1"}', "[" * 10_000])
def test_a_damaged_memory_is_none(world: World, content: str) -> None:
    world.look()
    (path,) = (world.root / "models").glob("*.json")
    path.write_text(content)
    assert [world.look(), world.look()] == [1, 0]


def test_facts_that_were_edited_are_not_believed(world: World) -> None:
    world.look()
    (path,) = (world.root / "models").glob("*.json")
    content = json.loads(path.read_text())
    content["facts"]["model"]["fingerprint"] = "another"
    path.write_text(json.dumps(content))
    assert world.look() == 1


def test_nothing_is_remembered_of_models_in_memory(world: World) -> None:
    assert [world.look(""), world.look("")] == [1, 1]
    assert not list((world.root / "models").iterdir())


def test_a_kind_of_another_package_is_loaded_by_runs_and_remembered_for_tables_while_its_file_is_the_same(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = world.root / "package" / "kind.py"
    code.parent.mkdir()
    code.write_text("1")
    monkeypatch.setattr(model_facts, "parts_of_code", lambda plugins: {"code of another package": code.read_text()})
    monkeypatch.setattr(model_facts, "files_of_code", lambda plugins: [code])
    assert [world.look(), world.look()] == [1, 1]

    def recalled() -> bool:
        handle = ModelHandle(world.source(), ModelMemory(world.root / "models", InputHashes()))
        handle.recall()
        return handle.known() is not None

    assert recalled()
    code.write_text("2")
    assert not recalled()


def test_a_model_without_files_is_loaded_by_runs_and_remembered_for_tables(world: World) -> None:
    class Loaded(SilentModel):
        def provenance(self) -> dict[str, object]:
            return {}

    def handle() -> ModelHandle:
        memory = ModelMemory(world.root / "models", InputHashes())
        return ModelHandle(ModelSource("net", Loaded, "net without files"), memory)

    handle().load_if_unknown()
    again, recalled = handle(), handle()
    recalled.recall()
    assert again.known() is None
    assert recalled.known() is not None


def test_a_model_that_was_let_go_is_still_known(world: World) -> None:
    handle = ModelHandle(world.source(), ModelMemory(world.root / "models", InputHashes()))
    handle.load_if_unknown()
    assert not handle.is_loaded
    assert handle.known() is not None
    assert len(world.loaded) == 1
