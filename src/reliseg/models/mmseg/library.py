"""The import of mmsegmentation: quiet, and without what its data sets need."""

import warnings
from importlib.metadata import packages_distributions

from reliseg.models.user_output import stdout_as_stderr

_WHEN_RESIZING = "When align_corners=True"
"""The beginning of what it says, on and on, of sizes that are not a multiple and one."""


def import_library() -> None:
    """Import the networks of mmsegmentation; whatever is wrong with its packages is raised as it is."""
    with stdout_as_stderr(), warnings.catch_warnings(action="ignore"):
        import mmseg.models  # noqa: F401
        from mmengine.config.utils import MODULE2PACKAGE
    MODULE2PACKAGE["mmseg"] = _installed_as(MODULE2PACKAGE["mmseg"])
    warnings.filterwarnings("ignore", message=_WHEN_RESIZING)


def _installed_as(usual: str) -> str:
    """Return the distribution that brings mmseg: mmengine looks for it where a base is `mmseg::FOLDER/CONFIG.py`."""
    return next(iter(packages_distributions().get("mmseg", [])), usual)
