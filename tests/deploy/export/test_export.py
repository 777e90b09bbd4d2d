"""Exported files give what the predictor gives, with every method, and are not left where they do not."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from helpers.deployed import METHODS, SPLIT, Deployed, deploy
from helpers.exported import Net, model_of, noise, predictor_of
from PIL import Image
from torch import nn

import reliseg
from reliseg.calibration import canonical_text
from reliseg.calibration.methods.lts import ScaledLocally
from reliseg.deploy.export import export as export_module
from reliseg.deploy.export.cases import Case, Cases
from reliseg.deploy.export.comparison import TOLERANCE
from reliseg.deploy.export.export import export
from reliseg.deploy.export.files import GraphFile, graph_of
from reliseg.deploy.export.graph import HeadGraph, WholeGraph
from reliseg.deploy.export.network import shown_images
from reliseg.deploy.export.tracing import takes_any_number, trace
from reliseg.deploy.export.wishes import Wishes
from reliseg.deploy.predictor import Predictor
from reliseg.errors import ConfigError, ModelError
from reliseg.models.options import Augmented, Pad

NAMES = ["identity", *(f"{canonical_text(method)}@{SPLIT}" for method in METHODS)]


class Every(nn.Module):
    """The graphs of all methods side by side: what is traced of each, for the time of one."""

    def __init__(self, graphs: list[nn.Module], inputs: list[tuple[str, ...]]) -> None:
        super().__init__()
        self.graphs, self.inputs = nn.ModuleList(graphs), inputs

    def forward(self, image, logits=None, feature=None) -> list[torch.Tensor]:
        given, pairs = (
            {"image": image, "logits": logits, "feature": feature},
            zip(self.graphs, self.inputs, strict=True),
        )
        return [maps for graph, names in pairs for maps in graph(**{name: given[name] for name in names})]


class Stored(GraphFile):
    """The part of the maps that is of one method."""

    def __init__(self, maps: Mapping[str, np.ndarray]) -> None:
        self.maps = maps

    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        return dict(self.maps)


@dataclass(frozen=True)
class Table:
    """What the predictor and both formats give for the frames, by name; pairs of cases and maps by format."""

    cases: Mapping[str, Cases]
    frames: Mapping[str, Case]
    maps: Mapping[tuple[str, str], Mapping[str, np.ndarray]]


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Deployed:
    return deploy(tmp_path_factory.mktemp("exported"))


def frames_of(deployed: Deployed) -> list[np.ndarray]:
    return [np.asarray(Image.open(image).convert("RGB")) for image in deployed.images()]


@pytest.fixture(scope="module", params=["image", "logits"])
def table(deployed: Deployed, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Table:
    head_only = request.param == "logits"
    opened = reliseg.load_predictor(deployed.run, calibration=f"ts@{SPLIT}").model
    cases, first, every, graphs = {}, {}, {}, []
    for name in NAMES:
        predictor = reliseg.load_predictor(deployed.run, opened, name)
        cases[name] = Cases(predictor, predictor.head(), Wishes(head_only=head_only))
        every[name], first[name] = cases[name].of(frames_of(deployed)), cases[name].of(frames_of(deployed)[:1])
        head = cases[name].head
        whole = WholeGraph(shown_images(predictor.model, name, None), head)
        graphs.append(HeadGraph(head, first[name].size) if head_only else whole)
    given = {key: torch.tensor(a) for name in NAMES for key, a in first[name].inputs.items()}
    program = trace(Every(graphs, [tuple(first[name].inputs) for name in NAMES]), given, "net", dynamic=False)
    assert takes_any_number(program)
    inputs = {key: a for name in NAMES for key, a in every[name].inputs.items()}
    outputs = [f"{name}|{part}" for name in NAMES for part in parts_of(cases[name].predictor)]
    maps = {}
    for form in ("onnx", "pt2"):
        unwritten, path = graph_of(program, form, outputs, "net"), tmp_path_factory.mktemp("files") / f"graph.{form}"
        unwritten.save(path, {})
        found = unwritten.open(path).run(inputs)
        for name in NAMES:
            maps[form, name] = {part: found[f"{name}|{part}"] for part in parts_of(cases[name].predictor)}
    return Table(cases, every, maps)


def parts_of(predictor: Predictor) -> tuple[str, ...]:
    return ("classes", "confidence", "accepted")[: 2 + (predictor.acceptance.last is not None)]


@pytest.mark.slow
@pytest.mark.parametrize("form", ["onnx", "pt2"])
@pytest.mark.parametrize("name", NAMES)
def test_a_graph_of_every_method_gives_what_the_predictor_gives(table, name, form):
    found = table.cases[name].agreement(Stored(table.maps[form, name]), table.frames[name])
    assert found.problem is None
    assert found.pixels == 3 * np.prod(table.frames[name].size)
    assert found.undecided < 0.05 * found.pixels
    assert found.largest < (1e-3 if "isotonic" in name or "histogram" in name else 2e-5)


def written(deployed: Deployed, out: Path, calibration: str, **wishes: object):
    predictor = reliseg.load_predictor(deployed.run, calibration=calibration)
    return export(predictor, Wishes(format=out.suffix[1:], **wishes), frames_of(deployed), out)


@pytest.mark.slow
def test_an_onnx_file_has_standard_operators_and_says_what_it_is(deployed, tmp_path):
    exported = written(deployed, tmp_path / "net.onnx", f"cluster_ts(k=2,seed=42)@{SPLIT}")
    model = onnx.load(exported.path)
    onnx.checker.check_model(model, full_check=True)
    assert {node.domain for node in model.graph.node} == {""}
    assert not model.functions
    assert not any(node.metadata_props or node.doc_string for node in model.graph.node)
    (stored,) = model.metadata_props
    facts = json.loads(stored.value)
    assert facts == exported.facts
    assert facts["inputs"]["image"]["shape"] == ["n", *frames_of(deployed)[0].shape]
    assert facts["acceptance"]["split"] == SPLIT
    assert facts["classes"][0] == "sky"
    assert 0 <= facts["agreement"]["largest_difference"] < TOLERANCE
    assert str(deployed.root) not in exported.path.read_bytes().decode("latin-1")


@pytest.mark.slow
def test_a_program_for_any_size_says_the_least_one(deployed, tmp_path):
    exported = written(deployed, tmp_path / "net.pt2", f"lts(inputs=image,rate=0.01)@{SPLIT}", dynamic=True)
    stored = {"reliseg.json": ""}
    module = torch.export.load(exported.path, extra_files=stored).module()
    assert json.loads(stored["reliseg.json"]) == exported.facts
    height, width = exported.facts["least_size"]
    assert [len(maps) for maps in module(image=torch.zeros(2, height, width, 3, dtype=torch.uint8))] == [2, 2, 2]
    assert f"least size height {height}, width {width}" in exported.text()


@pytest.mark.slow
def test_a_graph_from_logits_for_any_size_takes_the_size_from_the_image(deployed, tmp_path):
    exported = written(deployed, tmp_path / "head.onnx", f"class_ts@{SPLIT}", dynamic=True, head_only=True)
    shapes = {name: given["shape"] for name, given in exported.facts["inputs"].items()}
    assert shapes == {"logits": ["n", 11, "h", "w"], "image": ["n", "height", "width", 3]}
    assert exported.facts["begins_with"] == "logits"


class Doubling(Net):
    """Another network once it is traced."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return super().forward(images) * (2 if torch.compiler.is_compiling() else 1)


class ByValue(Net):
    """Its way depends on what it sees."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        z = super().forward(images)
        return z if images.mean() > 0 else -z


def test_a_file_that_differs_is_not_left_there(tmp_path):
    out = tmp_path / "net.pt2"
    with pytest.raises(
        ModelError, match=r"model net: the exported graph differs from the predictor: .* of 442; no file"
    ):
        export(predictor_of(model_of(Doubling())), Wishes("pt2"), [noise(17, 26)], out)
    assert not any(tmp_path.iterdir())


def test_a_network_that_cannot_be_traced_is_named_with_the_way_out(tmp_path):
    predictor = predictor_of(model_of(ByValue()))
    with pytest.raises(ModelError, match=r"model net: torch.export cannot trace it \(.*export what follows its logits"):
        export(predictor, Wishes("pt2"), [noise(17, 26)], tmp_path / "net.pt2")
    exported = export(predictor, Wishes("pt2", head_only=True), [noise(17, 26)], tmp_path / "head.pt2")
    assert exported.agreement.images == 1


@pytest.mark.parametrize("options", [{"resize": (40, 60)}, {"tta": Augmented(flip=True)}])
def test_what_a_graph_does_for_one_size_alone_is_not_done_for_any(options, tmp_path):
    with pytest.raises(ConfigError, match=r"model net resizes images, shows .*; give --size in the place of --dynamic"):
        export(
            predictor_of(model_of(Net(), **options)), Wishes("pt2", dynamic=True), [noise(17, 26)], tmp_path / "a.pt2"
        )


def test_a_padded_network_takes_any_size(tmp_path):
    predictor = predictor_of(model_of(Net(), pad=Pad(16)))
    exported = export(predictor, Wishes("pt2", dynamic=True), [noise(32, 48), noise(40, 31)], tmp_path / "a.pt2")
    assert exported.agreement.images == 5


def test_images_of_another_size_are_brought_to_that_which_is_asked_for(tmp_path):
    predictor = predictor_of(model_of(Net()))
    exported = export(predictor, Wishes("pt2", size=(20, 30)), [noise(33, 50), noise(40, 31)], tmp_path / "a.pt2")
    assert exported.facts["inputs"]["image"]["shape"] == ["n", 20, 30, 3]
    assert exported.agreement.pixels == 2 * 20 * 30


@pytest.mark.parametrize("form", ["pt2", pytest.param("onnx", marks=pytest.mark.slow)])
def test_images_of_one_row_are_exported_where_the_network_takes_them(form, tmp_path):
    g = np.random.default_rng(0)
    trees = [g.normal(0, 0.1, shape).astype(np.float32) for shape in ((7, 11, 5, 5), (7,), (0, 3, 5, 5), (0,))]
    local = ScaledLocally(1.3, 12, tuple(range(11)), *trees, held_out=(1.0, 0.9), images=3)
    exported = export(predictor_of(model_of(Net()), local), Wishes(form), [noise(1, 26)], tmp_path / f"a.{form}")
    assert exported.agreement.pixels == 26


class Multiples(Net):
    """It takes sizes that are multiples of 8."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        if images.shape[2] % 8 or images.shape[3] % 8:
            raise ValueError("give multiples of 8")
        return super().forward(images)


def test_a_size_that_the_network_does_not_take_is_refused_in_its_words(tmp_path):
    predictor = predictor_of(model_of(Multiples()))
    with pytest.raises(
        ModelError, match=r"model net raised ValueError: give multiples of 8.*; at height 32, width 32 it works"
    ):
        export(predictor, Wishes("pt2", size=(20, 30)), [noise(32, 48)], tmp_path / "a.pt2")


def test_a_calibration_of_another_package_has_no_graph(tmp_path):

    unknown = type("Unknown", (), {"__call__": lambda self, p: p})()
    with pytest.raises(ConfigError, match="Unknown has no form in torch"):
        export(predictor_of(model_of(Net()), unknown), Wishes("pt2"), [noise(17, 26)], tmp_path / "a.pt2")


def test_a_place_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    def full(path, write):
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(export_module, "write_atomically", full)
    with pytest.raises(ConfigError, match=r"--out .*a.pt2: no space left on device; give another place"):
        export(predictor_of(model_of(Net())), Wishes("pt2"), [noise(17, 26)], tmp_path / "a.pt2")


def test_without_a_threshold_nothing_is_accepted_or_rejected(tmp_path):
    predictor = predictor_of(model_of(Net()))
    predictor = replace(predictor, acceptance=replace(predictor.acceptance, last=None, why="none was measured"))
    exported = export(predictor, Wishes("pt2"), [noise(17, 26)], tmp_path / "a.pt2")
    assert list(exported.facts["outputs"]) == ["classes", "confidence"]
    assert exported.facts["acceptance"]["why"] == "none was measured"
