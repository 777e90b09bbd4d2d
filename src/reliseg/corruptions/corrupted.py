"""One corruption of images: which kind, how severe, and the seed that is drawn from."""

from dataclasses import dataclass, replace

import numpy as np

from reliseg.corruptions.base import CORRUPTIONS, Corruption, DepthCorruption, Metres
from reliseg.corruptions.draws import key_of
from reliseg.errors import ConfigError
from reliseg.types import Image


@dataclass(frozen=True, slots=True, order=True)
class Corrupted:
    """A kind of corruption at a severity from 1 to 5. What is drawn depends on seed, kind and image id alone."""

    kind: str
    severity: int
    seed: int = 0

    @property
    def name(self) -> str:
        """`fog-3`."""
        return f"{self.kind}-{self.severity}"

    @property
    def corruption(self) -> Corruption:
        """What does it."""
        return CORRUPTIONS.get(self.kind)()

    @property
    def reads_depth(self) -> bool:
        """Whether it needs to know how far everything in an image is."""
        return issubclass(CORRUPTIONS.get(self.kind), DepthCorruption)

    def __call__(self, image: Image, image_id: str, metres: Metres | None = None) -> Image:
        """Return the corrupted copy of the image of this id; a ConfigError where `metres` are needed and not given."""
        key = key_of(self.seed, image_id, self.kind)
        writable = np.require(image, requirements=["C", "W"])  # compiled code is made for one kind of array
        corruption = self.corruption
        if isinstance(corruption, DepthCorruption):
            if metres is None or metres.shape != image.shape[:2]:
                raise ConfigError(
                    f"{self.kind} needs to know how far everything is, which an image alone does not tell; "
                    "name it in a run, of a data set whose spec has [depth]"
                )
            corruption = replace(corruption, metres=np.require(metres, requirements=["C", "W"]))
        return corruption(writable, self.severity, key)

    def facts(self) -> dict[str, object]:
        """Return what determines its bytes, beside the image: as results name it."""
        facts: dict[str, object] = {"kind": self.kind, "severity": self.severity, "seed": self.seed}
        corruption = self.corruption
        facts["version"], library = corruption.version, corruption.library()
        return facts | ({"library": library} if library else {})
