"""Measure how far a semantic segmentation model can be trusted, and make it more trustworthy without retraining."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reliseg.api import (
        compare,
        ensemble,
        evaluate,
        load_calibration,
        merge_runs,
        open_dataset,
        open_model,
        run_config,
    )
    from reliseg.deploy.loading import load_predictor
    from reliseg.deploy.logits import calibrate_logits
    from reliseg.errors import ReliSegError
    from reliseg.prediction import Prediction
    from reliseg.results import ImageTable, Results
    from reliseg.runtime.malloc import tune_malloc

    __version__: str

__all__ = [
    "ImageTable",
    "Prediction",
    "ReliSegError",
    "Results",
    "calibrate_logits",
    "compare",
    "ensemble",
    "evaluate",
    "load_calibration",
    "load_predictor",
    "merge_runs",
    "open_dataset",
    "open_model",
    "run_config",
    "tune_malloc",
]

_HOMES = {
    "ImageTable": "reliseg.results",
    "Prediction": "reliseg.prediction",
    "ReliSegError": "reliseg.errors",
    "Results": "reliseg.results",
    "calibrate_logits": "reliseg.deploy.logits",
    "compare": "reliseg.api",
    "ensemble": "reliseg.api",
    "evaluate": "reliseg.api",
    "load_calibration": "reliseg.api",
    "load_predictor": "reliseg.deploy.loading",
    "merge_runs": "reliseg.api",
    "open_dataset": "reliseg.api",
    "open_model": "reliseg.api",
    "run_config": "reliseg.api",
    "tune_malloc": "reliseg.runtime.malloc",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is asked for: `reliseg --help` must not wait for NumPy."""
    if name == "__version__":
        from importlib.metadata import version

        return version("reliseg")
    if name not in _HOMES:
        raise AttributeError(f"module 'reliseg' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
