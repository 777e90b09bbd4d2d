"""Exported graphs: which files they are made of."""

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from random import Random
from typing import Any

from fuzz.kind_base import Kind
from fuzz.mutations import damage_bytes


class OnnxGraph(Kind):
    """A graph that keeps its weights in a file beside it, or in itself."""

    file = "net.onnx"

    def originals(self) -> Sequence[bytes]:
        from helpers.onnx_graphs import write_graph

        files = [write_graph(self.path).read_bytes()]
        files.append(write_graph(self.path, beside="net.onnx.data").read_bytes())
        return files

    def damage(self, random: Random, data: bytes) -> bytes:
        return damage_bytes(random, data)

    def read(self) -> Any:
        from reliseg.models.graphs.onnx_files import graph_files

        return graph_files("net", self.path)

    def check(self, data: bytes, found: Any) -> None:
        """Every file that the package for ONNX finds is one that was found, and none lies outside the folder."""
        import onnx
        from google.protobuf.message import DecodeError

        assert found[0] == self.path
        assert all(path.is_file() and ".." not in PurePosixPath(path).parts for path in found)
        try:
            model = onnx.load_model_from_string(data)
        except DecodeError:  # of what is not looked at, such as a name that is no text: ONNX Runtime refuses it
            return
        assert {self.folder / place for place in _places(model)} == set(found[1:])


def _places(model: Any) -> Iterator[str]:
    from onnx import TensorProto
    from onnx.external_data_helper import _get_all_tensors

    for tensor in _get_all_tensors(model):
        if tensor.data_location == TensorProto.EXTERNAL:
            yield from (entry.value for entry in tensor.external_data if entry.key == "location")
