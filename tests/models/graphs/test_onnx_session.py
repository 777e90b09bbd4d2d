"""Sessions of ONNX Runtime: which processor computes, and what is said of graphs that it does not take."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from helpers.onnx_graphs import write_graph

from reliseg.errors import ModelError
from reliseg.models import ModelOptions
from reliseg.models.graphs.onnx_session import open_session, run_session, session_facts


def options(**changes: Any) -> ModelOptions:
    return ModelOptions(**({"name": "net", "kind": "onnx", "where": "net.onnx", "threads": 1} | changes))


def test_a_session_computes_on_the_cpu_with_the_threads_of_the_options(tmp_path: Path):
    session = open_session(options(), write_graph(tmp_path / "net.onnx"))
    assert session.get_providers() == ["CPUExecutionProvider"]
    settings = session.get_session_options()
    assert (settings.intra_op_num_threads, settings.inter_op_num_threads) == (1, 1)
    assert settings.use_deterministic_compute
    assert not settings.enable_cpu_mem_arena
    facts = session_facts(session, options())
    assert (facts["threads"], facts["optimisation"], facts["onnxruntime"]) == (1, "all", onnxruntime.__version__)


def test_providers_that_are_not_there_are_refused_with_those_that_are(tmp_path: Path):
    path = write_graph(tmp_path / "net.onnx")
    with pytest.raises(
        ModelError, match=r"^model net: ONNX Runtime has no TensorrtExecutionProvider here; it has .*CPUEx"
    ):
        open_session(options(args={"providers": ["TensorrtExecutionProvider", "CPUExecutionProvider"]}), path)
    with pytest.raises(
        ModelError, match=r"has no CUDAExecutionProvider here.*install onnxruntime-gpu .* or set device"
    ):
        open_session(options(device="cuda:1"), path)
    assert open_session(options(device="auto"), path).get_providers() == ["CPUExecutionProvider"]
    with pytest.raises(ModelError, match=r"providers is 'CPUExecutionProvider'; give a list"):
        open_session(options(args={"providers": "CPUExecutionProvider"}), path)


def test_a_gpu_that_cannot_be_started_is_no_cpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """ONNX Runtime falls back to the CPU without a word."""
    path = write_graph(tmp_path / "net.onnx")
    made: list[Any] = []
    real = onnxruntime.InferenceSession

    def on_the_cpu(path, settings, providers, enable_fallback):
        made.append(providers)
        return real(path, settings, providers=["CPUExecutionProvider"])

    monkeypatch.setattr(
        onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"]
    )
    monkeypatch.setattr(onnxruntime, "InferenceSession", on_the_cpu)
    with pytest.raises(ModelError, match="ONNX Runtime cannot start CUDAExecutionProvider"):
        open_session(options(device="cuda:1"), path)
    assert made[0][0][1]["device_id"] == "1"
    assert made[0][0][1]["use_tf32"] == "0"
    assert open_session(options(device="auto"), path).get_providers() == ["CPUExecutionProvider"]


def test_a_gpu_that_fails_is_left_for_the_cpu_only_where_the_device_is_free(tmp_path: Path, monkeypatch):
    path = write_graph(tmp_path / "net.onnx")
    real = onnxruntime.InferenceSession

    def without_gpu(path, settings, providers, enable_fallback):
        if providers[0][0] == "CUDAExecutionProvider":
            raise RuntimeError("no CUDA driver")
        return real(path, settings, providers=providers)

    monkeypatch.setattr(
        onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"]
    )
    monkeypatch.setattr(onnxruntime, "InferenceSession", without_gpu)
    assert open_session(options(device="auto"), path).get_providers() == ["CPUExecutionProvider"]
    with pytest.raises(ModelError, match=r"cannot be loaded by ONNX Runtime \(no CUDA driver\)"):
        open_session(options(device="cuda"), path)


def test_operators_of_others_are_named(tmp_path: Path):
    with pytest.raises(
        ModelError, match="uses an operator that ONNX Runtime does not know, mmdeploy:GridSampler; export"
    ):
        open_session(options(), write_graph(tmp_path / "net.onnx", ending="custom"))


def test_a_graph_of_a_later_version_says_so(tmp_path: Path):
    path = write_graph(tmp_path / "net.onnx")
    model = onnx.load(path)
    model.ir_version = 99
    onnx.save(model, path)
    with pytest.raises(
        ModelError, match=r"net.onnx is too new for ONNX Runtime .*; update it, or export with a lower opset"
    ):
        open_session(options(), path)


def test_a_graph_that_contradicts_itself_is_one_line_and_nothing_is_printed(tmp_path: Path, capfd):
    path = write_graph(tmp_path / "net.onnx")
    model = onnx.load(path)
    model.graph.node[0].input[0] = "nothing"
    onnx.save(model, path)
    (tmp_path / "name.onnx").write_bytes(path.read_bytes().replace(b"Conv", b"Co\xf8v"))
    with pytest.raises(ModelError, match="cannot be loaded by ONNX Runtime"):
        open_session(options(), tmp_path / "name.onnx")
    with pytest.raises(ModelError, match=r"cannot be loaded by ONNX Runtime .*; check or export it again") as caught:
        open_session(options(), path)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_a_run_that_fails_is_one_line_and_nothing_is_printed(tmp_path: Path, capfd):
    session = open_session(options(), write_graph(tmp_path / "net.onnx"))
    with pytest.raises(RuntimeError, match="Got invalid dimensions") as caught:
        run_session(session, ["logits"], {"images": np.zeros((1, 4, 8, 8), np.float32)})
    assert "\n" not in str(caught.value)
    assert "ONNXRuntimeError" not in str(caught.value)
    assert capfd.readouterr().err == ""
