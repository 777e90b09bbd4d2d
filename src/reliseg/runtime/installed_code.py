"""What tells one installation of this package from another."""

import hashlib
from functools import cache
from pathlib import Path


@cache
def state_of_code() -> str:
    """Return a digest of the names, sizes and times of its files, as they were when it was first asked for."""
    root = Path(__file__).parents[1]
    facts = ((str(p.relative_to(root)), p.stat()) for p in sorted(root.rglob("*.py")))
    text = "\n".join(f"{name} {s.st_size} {s.st_mtime_ns}" for name, s in facts)
    return hashlib.sha256(text.encode()).hexdigest()
