"""Checks for plug-ins: each holds an implementation to the laws that those of reliseg are held to.

A broken law is an AssertionError that names the plug-in, the law, and what was seen. The checks need no test
framework; inputs are drawn from seeded generators, so that a check gives the same result each time.
"""

from reliseg.testing.calibrator import check_calibrator
from reliseg.testing.metric import check_metric
from reliseg.testing.model import check_model
from reliseg.testing.score import check_score

__all__ = ["check_calibrator", "check_metric", "check_model", "check_score"]
