"""The sha256 of one corrupted image of each kind and severity, printed as JSON: for processes of other kinds."""

import hashlib
import json
import sys

from helpers.corruption_images import metres, picture
from reliseg.corruptions import CORRUPTIONS, SEVERITIES, Corrupted


def hashes(kinds):
    """Return the hashes of kinds at all severities, as `fog-3`."""
    image = picture(121, 163)
    far = metres(image)
    corrupted = [Corrupted(kind, severity) for kind in kinds for severity in SEVERITIES]
    return {c.name: hashlib.sha256(c(image, "scene/image", far).tobytes()).hexdigest() for c in corrupted}


if __name__ == "__main__":
    json.dump(hashes(CORRUPTIONS.shipped_names()), sys.stdout, indent=1)
