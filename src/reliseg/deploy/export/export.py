"""A predictor -> a file that gives what it gives, seen on real images before it is left there."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from reliseg.deploy.export.cases import Case, Cases
from reliseg.deploy.export.comparison import Agreement
from reliseg.deploy.export.facts import facts_of, outputs_of
from reliseg.deploy.export.files import Built, GraphFile, graph_of
from reliseg.deploy.export.frames import at_size
from reliseg.deploy.export.graph import HeadGraph, WholeGraph
from reliseg.deploy.export.joined.ports import Port, ports_of, set_number
from reliseg.deploy.export.network import shown_images
from reliseg.deploy.export.tracing import stated_least, takes_any_number, trace
from reliseg.deploy.export.wishes import HEAD_ONLY, Size, Wishes, check_place
from reliseg.deploy.heads.head import Head
from reliseg.deploy.predictor import Predictor
from reliseg.errors import ConfigError, ModelError, ReliSegError, count_text, error_text, image_size_text
from reliseg.run.predict.model_inputs import resizing_of, uses_size_of
from reliseg.runtime.atomic_files import write_atomically
from reliseg.runtime.regular_files import reason_of
from reliseg.runtime.torch_settings import inference_settings
from reliseg.types import Image

_THREADS = 1
_NEXT = 16
_ANY, _ONE = (1, None), (1, 1)


@dataclass(frozen=True)
class Exported:
    """A file that was written."""

    path: Path
    facts: Mapping[str, Any]
    agreement: Agreement

    def text(self) -> str:
        """Return what a user must know of it, on one line."""
        found, least = self.agreement, self.facts.get("least_size")
        sizes = f"; least size {image_size_text((least[0], least[1]))}" if least else ""
        return (
            f"{self.path}: in {found.pixels} pixels of {count_text(found.images, 'image')} confidence differs from the "
            f"predictor's by at most {found.largest:.1e}; {found.undecided} are decided by rounding{sizes}"
        )


def export(predictor: Predictor, wishes: Wishes, frames: Sequence[Image], out: Path) -> Exported:
    """Write the file; a UsageError says what cannot be exported, or where it differs from the predictor."""
    with inference_settings(_THREADS):
        head = predictor.head()
        size = wishes.size or (frames[0].shape[0], frames[0].shape[1])
        graph = _graph(predictor, head, wishes, size)
        cases = Cases(predictor, head, wishes)
        if wishes.dynamic and isinstance(graph, WholeGraph):
            size = _padded_for_certain(size, graph.shown.multiple)
        first = cases.of([at_size(frames[0], size)])
        given = {name: torch.tensor(array) for name, array in first.inputs.items()}
        built = _build(graph, given, predictor, wishes)
        unwritten = built.graph
        check_place(out, wishes.format)
        with TemporaryDirectory(prefix="reliseg-") as folder:
            draft = Path(folder, f"draft.{wishes.format}")
            unwritten.save(draft, {})
            file = unwritten.open(draft)
            if wishes.dynamic:
                least, agreement = _any_size(cases, file, frames, built.least)
            else:
                least, agreement = None, _one_size(cases, file, frames, first, many=built.any_number)
            if agreement.problem:
                raise ModelError(
                    f"model {predictor.name}: the exported graph differs from the predictor: {agreement.problem}; no "
                    f"file was written. Another --format may agree, or {HEAD_ONLY}"
                )
            facts = facts_of(predictor, wishes, first.inputs, agreement, least, built.any_number)
            unwritten.save(draft, facts)
            _leave(draft, out)
    return Exported(out, facts, agreement)


def _graph(predictor: Predictor, head: Head, wishes: Wishes, size: Size) -> nn.Module:
    """Return what is traced; a ModelError by name where it cannot be."""
    dataset, model = predictor.dataset, predictor.model
    if wishes.head_only:
        return HeadGraph(head, None if wishes.dynamic else size)
    resizing = resizing_of(dataset) if uses_size_of(model, dataset) else None
    shown = shown_images(model, predictor.name, resizing)
    for port in ports_of(shown):
        _check_port(port, predictor.name, wishes)
    if wishes.dynamic and shown.needs_a_size:
        raise ConfigError(
            f"model {predictor.name} resizes images, shows them in parts or several times, or classifies masks, which "
            "a graph does for one size alone; give --size in the place of --dynamic"
        )
    return WholeGraph(shown, head)


def _padded_for_certain(size: Size, multiple: int) -> Size:
    """Return a size near by that needs padding: what is traced of images that need none takes no others."""
    height, width = (side if side % multiple or multiple == 1 else side - 1 for side in size)
    return height, width


def _check_port(port: Port, name: str, wishes: Wishes) -> None:
    """Raise a ConfigError for what a user's ONNX graph cannot be part of."""
    if wishes.format == "pt2":
        raise ConfigError(
            f"model {name} is an ONNX graph, which no program of torch holds; give --format onnx, or {HEAD_ONLY}"
        )
    taken = port.network.images.takes
    if wishes.dynamic and (taken.height, taken.width) != (_ANY, _ANY):
        raise ConfigError(
            f"model {name} is an ONNX graph for images of one size ({port.network.images.text}); give --size in the "
            "place of --dynamic, or export it again with any height and width"
        )


def _build(graph: nn.Module, given: Mapping[str, Tensor], predictor: Predictor, wishes: Wishes) -> Built:
    """Return the graph as it will be written; a UsageError where that cannot be had."""
    outputs, name = outputs_of(predictor), predictor.name
    if isinstance(graph, WholeGraph) and ports_of(graph):
        from reliseg.deploy.export.joined.build import build_joined

        many = set_number(graph, given["image"])
        _try(graph, given, name)
        return build_joined(graph, given["image"], outputs, name, dynamic=wishes.dynamic, many=many)
    _try(graph, given, name)
    program = trace(graph, given, name, dynamic=wishes.dynamic)
    least = stated_least(program) if wishes.dynamic else _ONE
    return Built(graph_of(program, wishes.format, outputs, name), takes_any_number(program), least)


def _try(graph: nn.Module, given: Mapping[str, Tensor], model: str) -> None:
    """Run the graph as it is: what fails here would fail, in other words, when it is traced."""
    try:
        graph.eval()(**given)
    except ReliSegError:
        raise
    except Exception as error:
        raise ModelError(f"model {model} cannot be run as a graph ({error_text(error)}); {HEAD_ONLY}") from error


def _one_size(cases: Cases, file: GraphFile, frames: Sequence[Image], first: Case, *, many: bool) -> Agreement:
    """Compare frames of one size; some of them together, where the file takes any number."""
    total = cases.agreement(file, first)
    others = [at_size(frame, first.size) for frame in frames[1:]]
    for batch in [others] if many and others else [[other] for other in others]:
        total += cases.agreement(file, cases.of(batch))
    return total


def _any_size(cases: Cases, file: GraphFile, frames: Sequence[Image], stated: Size) -> tuple[Size, Agreement]:
    """Compare frames of several sizes, and find the least one that the file takes."""
    total = Agreement()
    for frame in frames:
        total += cases.agreement(file, cases.of([frame]))
    total += cases.agreement(file, cases.of([frames[0], np.ascontiguousarray(frames[0][:, ::-1])]))
    for side in _sides(max(stated), min(frames[0].shape[:2])):
        try:
            return (side, side), total + cases.agreement(file, cases.of([at_size(frames[0], (side, side))]))
        except Exception:  # the model, or what runs the file, refuses this size
            continue
    raise ModelError(f"model {cases.predictor.name}: the exported graph takes no smaller images; leave out --dynamic")


def _sides(least: int, most: int) -> Iterator[int]:
    """Yield lengths that may be the least one: the next few, then multiples of what networks divide images by."""
    yield from range(least, min(least + _NEXT, most) + 1)
    yield from (side for side in range(8, most + 1, 8) if side > least + _NEXT)


def _leave(draft: Path, out: Path) -> None:
    """Put the file in its place, whole."""
    try:
        with draft.open("rb") as source:
            write_atomically(out, lambda file: copyfileobj(source, file))
    except OSError as error:
        raise ConfigError(f"--out {out}: {reason_of(error)}; give another place") from error
