"""What shows that JSON is as it was written: the sha256 of all that stands in it, beside it under the key `sha256`."""

import hashlib
import json
from collections.abc import Mapping


def seal_of(content: Mapping[str, object]) -> str:
    """Return the sha256 of a JSON object without its key `sha256`; the order of the other keys counts."""
    inner = {key: value for key, value in content.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(inner).encode()).hexdigest()
