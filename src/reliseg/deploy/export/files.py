"""Exported files: written, opened again, run."""

import json
import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.export import ExportedProgram

from reliseg.deploy.export.tracing import as_onnx
from reliseg.deploy.export.wishes import Format, Size
from reliseg.errors import ModelError

KEY = "reliseg"
"""Of ONNX's metadata_props; in an archive of torch.export the file is `reliseg.json`."""
_LARGEST = 2**31 - 1
_SILENT = 4
"""The severity from which on ONNX Runtime writes to the error stream: sizes are tried that it may not take."""


class GraphFile(ABC):
    """A file that was written, open: arrays by the names of inputs -> arrays of outputs."""

    @abstractmethod
    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return the maps of a batch, by name."""


class Unwritten(ABC):
    """A graph in memory, that is written with or without facts."""

    @abstractmethod
    def save(self, path: Path, facts: Mapping[str, Any]) -> None:
        """Write the file, with these facts in it."""

    @abstractmethod
    def open(self, path: Path) -> GraphFile:
        """Open the file again, with what runs it elsewhere."""


@dataclass(frozen=True, eq=False)
class Built:
    """A graph in memory, and what images it takes."""

    graph: Unwritten
    any_number: bool
    """Whether it takes any number of them at a time."""
    least: Size
    """The least height and width that it says to take, where sizes are free."""


class OnnxGraph(Unwritten):
    """A graph for ONNX Runtime."""

    def __init__(self, graph: Any, model: str) -> None:
        self._model, self._name = graph, model

    @property
    def nodes(self) -> int:
        """The number of operators."""
        return len(self._model.graph.node)

    def save(self, path: Path, facts: Mapping[str, Any]) -> None:
        """Write the file."""
        del self._model.metadata_props[:]
        self._model.metadata_props.add(key=KEY, value=json.dumps(facts))
        self._model.producer_name = KEY
        if self._model.ByteSize() > _LARGEST:
            raise ModelError(f"model {self._name} is larger than 2 GiB, and one ONNX file holds no more; use pt2")
        path.write_bytes(self._model.SerializeToString())

    def open(self, path: Path) -> GraphFile:
        """Open a session on the CPU."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = _SILENT
        return _Session(onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"]))


class _Session(GraphFile):
    def __init__(self, session: Any) -> None:
        self._session = session

    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        names = [output.name for output in self._session.get_outputs()]
        return dict(zip(names, self._session.run(names, dict(inputs)), strict=True))


class ProgramGraph(Unwritten):
    """A program for torch.export.load."""

    def __init__(self, program: ExportedProgram, outputs: Sequence[str]) -> None:
        self._program, self._outputs = program, outputs

    def save(self, path: Path, facts: Mapping[str, Any]) -> None:
        """Write the archive."""
        with warnings.catch_warnings(action="ignore"):  # of weights that are parts of others
            torch.export.save(self._program, path, extra_files={f"{KEY}.json": json.dumps(facts)})

    def open(self, path: Path) -> GraphFile:
        """Load it."""
        with warnings.catch_warnings(action="ignore"):
            return _Program(torch.export.load(path).module(), self._outputs)


class _Program(GraphFile):
    def __init__(self, module: Any, outputs: Sequence[str]) -> None:
        self._module, self._outputs = module, outputs

    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        with torch.inference_mode():
            maps = self._module(**{name: torch.tensor(array) for name, array in inputs.items()})
        return dict(zip(self._outputs, (part.numpy() for part in maps), strict=True))


def graph_of(program: ExportedProgram, form: Format, outputs: Sequence[str], model: str) -> Unwritten:
    """Return the program in a format."""
    if form == "pt2":
        return ProgramGraph(program, outputs)
    return OnnxGraph(as_onnx(program, outputs, model), model)
