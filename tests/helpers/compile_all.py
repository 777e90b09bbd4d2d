"""Compile what runs and fits take beside the kernels, which else processes of tests do side by side, each all of it."""

import tempfile
from pathlib import Path

import reliseg
from helpers.street import add_features, ask_for_all, make_street

METHODS = (
    "identity",
    "ts",
    "class_ts",
    "vector",
    "dirichlet",
    "cms",
    "ensemble_ts",
    "histogram",
    "isotonic",
    "selective",
)

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        street = ask_for_all(add_features(make_street(Path(folder), cal=4, day=3, dusk=3)))
        content = street.content()
        content["calibration"][0]["methods"] = list(METHODS)
        street.write(content)
        reliseg.run_config(street.config, Path(folder) / "out")
