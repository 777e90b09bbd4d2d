"""Sessions of ONNX Runtime: made so that a graph gives the same numbers again, with errors of one line."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnxruntime

from reliseg.errors import ModelError, one_line, shortlist
from reliseg.models.base import ModelOptions

_CPU, _CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
_SILENT = 4
"""The severity from which on ONNX Runtime writes to the error stream: fatal. What it raises says the same."""
_CODE = re.compile(r"^\[ONNXRuntimeError\] : \d+ : [A-Z_]+ : ")
_UNKNOWN_OPERATORS = (
    re.compile(r"Fatal error: (\S+?)\(-?\d+\) is not a registered function/op"),
    re.compile(r"No Op registered for (\S+) with domain_version"),
)
_TOO_NEW = re.compile(r"Unsupported model IR version|is till opset|only \*guarantees\* support|Unsupported model")


def open_session(options: ModelOptions, path: Path) -> onnxruntime.InferenceSession:
    """Return a session for the graph on the device of the options; a ModelError where it cannot be had."""
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = options.threads
    settings.inter_op_num_threads = 1
    settings.use_deterministic_compute = True
    settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    settings.log_severity_level = _SILENT
    settings.enable_cpu_mem_arena = False  # it keeps what each new size of images took
    settings.enable_mem_pattern = False
    settings.add_session_config_entry("session.intra_op.allow_spinning", "0")  # other threads want the cores too
    providers = _providers(options)
    try:
        # Its own fallback to other providers is silent where it matters, and otherwise prints.
        session = onnxruntime.InferenceSession(path, settings, providers=providers, enable_fallback=False)
    except Exception as error:  # of the graph, of a file that it names, of a provider
        if _may_fall_back(options) and len(providers) > 1:
            return open_session(replace(options, device="cpu"), path)
        raise ModelError(f"model {options.name}: {path} {_load_problem(error)}") from error
    wanted = providers[0][0]
    if session.get_providers()[0] != wanted and not _may_fall_back(options):
        raise ModelError(
            f"model {options.name}: ONNX Runtime cannot start {wanted}, whose libraries may be missing or of another "
            "version; install those that it needs, or set device: cpu"
        )
    return session


def run_session(
    session: onnxruntime.InferenceSession, names: Sequence[str], inputs: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the outputs of these names; an error says in one line why there are none."""
    try:
        return dict(zip(names, session.run(list(names), dict(inputs)), strict=True))
    except Exception as error:
        raise RuntimeError(_CODE.sub("", one_line(error))) from error


def session_facts(session: onnxruntime.InferenceSession, options: ModelOptions) -> dict[str, Any]:
    """Return the settings of a session, for the provenance."""
    return {
        "onnxruntime": onnxruntime.__version__,
        "providers": session.get_providers(),
        "threads": options.threads,
        "optimisation": "all",
        "deterministic": True,
        "tf32": False,
        "flush_denormal": False,
    }


def _providers(options: ModelOptions) -> list[tuple[str, dict[str, str]]]:
    """Return the providers of the options, the first one first, with their settings; the CPU's is always the last."""
    available = onnxruntime.get_available_providers()
    names = options.args.get("providers")
    if names is None:
        on_gpu = options.device.startswith("cuda") or (options.device == "auto" and _CUDA in available)
        names = [_CUDA] if on_gpu else [_CPU]
    if isinstance(names, str) or not isinstance(names, Sequence) or not names or not all(map(_is_text, names)):
        raise ModelError(f"model {options.name}: providers is {names!r}; give a list of names, such as [{_CPU}]")
    missing = [name for name in names if name not in available]
    if missing:
        advice = (
            "; install onnxruntime-gpu in the place of onnxruntime, or set device: cpu" if missing == [_CUDA] else ""
        )
        raise ModelError(
            f"model {options.name}: ONNX Runtime has no {missing[0]} here; it has {', '.join(available)}{advice}"
        )
    _, _, index = options.device.partition(":")
    own = {_CUDA: {"device_id": index or "0", "use_tf32": "0", "cudnn_conv_algo_search": "HEURISTIC"}}
    return [(name, own.get(name, {})) for name in dict.fromkeys([*names, _CPU])]


def _may_fall_back(options: ModelOptions) -> bool:
    return options.device == "auto" and "providers" not in options.args


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _load_problem(error: Exception) -> str:
    """Return the end of an error line about a graph that ONNX Runtime does not take."""
    text = str(error)
    unknown = [name for pattern in _UNKNOWN_OPERATORS for name in pattern.findall(text)]
    if unknown:
        return (
            f"uses an operator that ONNX Runtime does not know, {shortlist(unknown)}; export it without custom "
            "operators, or bring it as kind: python"
        )
    reason = _CODE.sub("", one_line(error))
    if _TOO_NEW.search(text):
        return (
            f"is too new for ONNX Runtime {onnxruntime.__version__} ({reason}); update it, or export with a lower opset"
        )
    return f"cannot be loaded by ONNX Runtime ({reason}); check or export it again"
