"""The processor is told by what may change the last bits: its architecture and vector extensions."""

import os
import platform
from pathlib import Path

import pytest

from reliseg.runtime import processor as module
from reliseg.runtime.processor import processor, processor_type


def test_cores_and_type_are_those_of_this_machine() -> None:
    assert processor()["cores"] == os.cpu_count()
    assert processor_type().startswith(platform.machine())


def test_the_order_of_features_and_the_model_are_no_part_of_the_type(monkeypatch: pytest.MonkeyPatch) -> None:
    def typed(**facts: object) -> str:
        monkeypatch.setattr(module, "processor", lambda: facts)
        return processor_type()

    one = typed(model="one", features=["sse", "avx2"])
    assert typed(model="other", features=["avx2", "sse"]) == one
    assert typed(model="one", features=["avx2"]) != one
    assert typed() == platform.machine()


def test_where_the_system_tells_no_extensions_the_type_is_the_architecture(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(module, "Path", lambda name: tmp_path / "missing")
    monkeypatch.setattr(module, "processor", processor.__wrapped__)  # not what is known of this machine
    assert module.processor() == {"cores": os.cpu_count(), "model": platform.processor()}
    assert module.processor_type() == platform.machine()
