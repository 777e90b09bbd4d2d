"""The exporter of torch to ONNX, which looks for its operators once."""

from collections.abc import Iterator
from functools import cache

import pytest


@pytest.fixture(scope="session")
def operators_once() -> Iterator[None]:
    """Let the exporter keep its table of operators, which it only reads: else it takes a second for every graph."""
    from torch.onnx._internal.exporter._registration import ONNXRegistry

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ONNXRegistry, "from_torchlib", staticmethod(cache(ONNXRegistry.from_torchlib)))
        yield
