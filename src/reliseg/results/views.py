"""How results are shown to people: by modules of the rooms above, which are imported when somebody looks."""

from importlib import import_module
from typing import Any


def view(module: str, name: str) -> Any:
    """Return what a module of `reliseg.report` has under a name; nothing here depends on it otherwise."""
    return getattr(import_module(f"reliseg.report.{module}"), name)
