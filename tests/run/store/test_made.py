"""Who made a piece is said in words, none of which is part of its identity."""

from importlib.metadata import version

from reliseg.run.store.made import kernels_of, made_by
from reliseg.runtime.processor import processor_type


def test_processor_version_and_kernels_of_devices_are_said() -> None:
    made = made_by({"cuda": "triton", "a": "b"})
    assert made["processor"] == processor_type()
    assert made["reliseg"] == version("reliseg")
    assert kernels_of([made, made_by({})]) == {"a": "b", "cuda": "triton"}
