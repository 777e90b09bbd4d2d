"""Which model a calibration was fitted on: what is certain is refused, what may be right is noted."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from helpers.deployed import record

from reliseg.deploy.fitted_model import compare_models, identity_of
from reliseg.errors import ConfigError

CODE, WEIGHTS, OTHER, USE, USE_2 = (c * 64 for c in "abcde")
FITTED = replace(record(), model_files=(CODE, WEIGHTS, USE))


def model(*hashes: str, **facts: Any) -> Any:
    facts = {"files": {f"{i}": digest for i, digest in enumerate(hashes[:-1])}} | facts
    return SimpleNamespace(fingerprint=lambda: "f" * 64, file_hashes=lambda: hashes, provenance=lambda: facts)


def test_the_same_files_and_settings_are_the_model():
    assert compare_models(FITTED, model(CODE, WEIGHTS, USE), "net").is_same


@pytest.mark.parametrize(("hashes", "what"), [((CODE, WEIGHTS, USE_2), "settings"), ((OTHER, USE), "files")])
def test_another_model_is_refused_by_what_differs(hashes, what):
    with pytest.raises(ConfigError, match=f"with other {what} than net; give that model, or fit the calibration on"):
        compare_models(FITTED, model(*hashes), "net")


def test_a_file_in_common_is_no_proof_of_either():
    found = compare_models(FITTED, model(CODE, OTHER, USE), "net")
    assert not found.is_same
    (note,) = found.notes
    assert note.endswith("may be another one; check that it is this one")


def test_equal_tensors_are_the_model_whatever_code_is_imported_beside_it():
    measured = {"files": {"net.py": CODE, "w.pth": WEIGHTS}, "state_sha256": "s"}
    more = model(CODE, OTHER, USE, files={"net.py": CODE, "also.py": OTHER}, state_sha256="s")
    assert compare_models(FITTED, more, "net", measured).is_same
    assert compare_models(FITTED, more, "net", measured).notes == []
    edited = model(OTHER, WEIGHTS, USE, files={"net.py": OTHER, "w.pth": WEIGHTS}, state_sha256="s")
    assert compare_models(FITTED, edited, "net", measured).notes == ["net.py was changed since ts@road/cal was fitted"]


def test_many_changed_files_are_one_note():
    files = {f"{name}.py": CODE for name in "abcde"}
    measured = {"files": files, "state_sha256": "s"}
    edited = model(OTHER, WEIGHTS, USE, files=dict.fromkeys(files, OTHER), state_sha256="s")
    (note,) = compare_models(FITTED, edited, "net", measured).notes
    assert note == "a.py, b.py, c.py and 2 more were changed since ts@road/cal was fitted"


def test_other_tensors_are_another_model():
    measured = {"files": {"net.py": CODE}, "state_sha256": "s"}
    with pytest.raises(ConfigError, match="with other weights than net"):
        compare_models(FITTED, model(CODE, OTHER, USE, state_sha256="t"), "net", measured)


def test_what_a_run_says_of_another_model_than_the_fitted_one_is_not_believed():
    measured = {"files": {"net.py": OTHER}, "state_sha256": "s"}
    assert not compare_models(FITTED, model(CODE, OTHER, USE, state_sha256="s"), "net", measured).is_same


def test_a_model_is_its_settings_and_tensors_else_its_files_else_its_fingerprint():
    assert identity_of(model(CODE, USE, state_sha256="s")) == {"settings": USE, "weights": "s"}
    assert identity_of(model(CODE, USE)) == {"files": [CODE, USE]}
    assert identity_of(model()) == {"fingerprint": "f" * 64}
