"""Bytes that must never change by accident: results of other people are compared by them.

After a change on purpose, the output of tests/helpers/corruption_hashes.py (PYTHONPATH=src:tests) is the new file.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import corruption_hashes
from PIL import features

from reliseg.corruptions import CORRUPTIONS

PINNED = json.loads(Path(__file__).with_name("pinned.json").read_text())
OTHERS = {"generic": ("x86-64", ""), "haswell": ("haswell", "+avx2,+fma")}
"""LLVM's names of processors, and what they have more: SSE2 alone, and fused multiply-add without AVX-512."""


def known():
    """Return the pinned hashes that must be those here: of JPEG only with the library that it was pinned with."""
    turbo = features.check("libjpeg_turbo")
    return {name: digest for name, digest in PINNED.items() if turbo or not name.startswith("jpeg")}


@pytest.mark.parametrize("kind", CORRUPTIONS.shipped_names())
def test_bytes_are_the_pinned_ones(kind):
    expected = {name: digest for name, digest in known().items() if name.rpartition("-")[0] == kind}
    found = corruption_hashes.hashes([kind])
    assert {name: found[name] for name in expected} == expected
    assert len(found) == 5


@pytest.mark.slow
@pytest.mark.parametrize("processor", OTHERS)
def test_bytes_are_the_same_in_code_for_another_processor(processor, tmp_path):
    if os.uname().machine != "x86_64":
        pytest.skip("code for x86-64 does not run here")
    name, more = OTHERS[processor]
    other = {"NUMBA_CPU_NAME": name, "NUMBA_CPU_FEATURES": more, "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run(
        [sys.executable, corruption_hashes.__file__], env={**os.environ, **other}, check=True, capture_output=True
    )
    found = json.loads(run.stdout)
    assert {n: found[n] for n in known()} == known()
