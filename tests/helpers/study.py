"""Cityscapes, ACDC and IDD in miniature: their folders and ids, a few tiny images, and stored predictions."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

SIZE = (32, 64)
STRIDE = 8
CITYSCAPES = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)
"""Raw ids of the 19 train ids."""
IDD = (0, 2, 22, 14, 15, 20, 19, 18, 24, None, 25, 4, 5, 9, 10, 11, None, 6, 7)
"""Level-3 ids of the 19 train ids; terrain and train do not occur."""
CITIES = ("munster", "lindau", "frankfurt")
CONDITIONS = ("fog", "night", "rain", "snow")
IMAGES = 2
COPIES = 15
"""Of Cityscapes' calibration images, as the scripts make; the text says three."""


@dataclass(frozen=True)
class Study:
    """Folders below `root`: one for each data set, and `logits`."""

    root: Path

    def words(self, *names: str) -> list[str]:
        """Return the model, and these data sets, as the command takes them."""
        data = [word for name in names for word in ("--data", f"{name}={self.root / name}")]
        return ["--model", f"stored:{self.root / 'logits'},labels=cityscapes,name=net", *data]


def make_study(root: Path, *, idd_scenes: tuple[str, ...]) -> Study:
    """Write two images of 64 x 32 pixels for each city, condition and scene, and random logits, often right.

    Of each scene of IDD that is tested it is one image: there are many.
    """
    study = Study(root)
    for city in CITIES:
        for i in range(IMAGES):
            stem = f"{city}_{i:06d}_000019"
            places = f"leftImg8bit/val/{city}/{stem}_leftImg8bit", f"gtFine/val/{city}/{stem}_gtFine_labelIds"
            _sample(study, "cityscapes", f"{city}/{stem}", places, CITYSCAPES, void=0, unknown=None)
    for condition in CONDITIONS:
        for split in ("train", "val"):
            scene = f"GOPR{CONDITIONS.index(condition)}{split == 'val':d}"
            for i in range(IMAGES):
                stem, folder = f"{scene}_frame_{i:06d}", f"{condition}/{split}/{scene}"
                places = (
                    f"rgb_anon_trainvaltest/rgb_anon/{folder}/{stem}_rgb_anon",
                    f"gt_trainval/gt/{folder}/{stem}_gt_labelIds",
                )
                _sample(study, "acdc", f"{scene}/{stem}", places, CITYSCAPES, void=255, unknown=None)
    for split, scenes in (("train", idd_scenes), ("val", ("119", "4"))):
        for scene in scenes:
            for i in range(1 if split == "train" else IMAGES):
                stem = f"frame{i:04d}"
                places = (
                    f"leftImg8bit/{split}/{scene}/{stem}_leftImg8bit",
                    f"gtFine/{split}/{scene}/{stem}_gtFine_labellevel3Ids",
                )
                _sample(study, "idd", f"{scene}/{stem}", places, IDD, void=255, unknown=8)
    return study


def _sample(
    study: Study,
    dataset: str,
    name: str,
    places: tuple[str, str],
    ids: tuple[int | None, ...],
    *,
    void: int,
    unknown: int | None,
) -> None:
    random = np.random.default_rng(list(f"{dataset}/{name}".encode()))
    known = [c for c, raw in enumerate(ids) if raw is not None]
    coarse = random.choice(known, size=(SIZE[0] // STRIDE, SIZE[1] // STRIDE))
    raw = np.array([0 if i is None else i for i in ids], np.uint8)[coarse]
    mask = np.kron(raw, np.ones((STRIDE, STRIDE), np.uint8))
    mask[:4] = void
    if unknown is not None:
        mask[10:14, 20:40] = unknown
    image, annotation = (study.root / dataset / f"{place}.png" for place in places)
    copies = [f"{name}~{k}" for k in range(1, COPIES + 1)] if dataset == "cityscapes" else []
    logits = [study.root / "logits" / f"{n}.npz" for n in (name, *copies)]
    for path in (image, annotation, *logits):
        path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(random.integers(0, 256, (*SIZE, 3), np.uint8)).save(image)
    Image.fromarray(mask).save(annotation)
    for path in logits:
        z = random.normal(0, 2, (len(ids), *coarse.shape))
        z[coarse, np.arange(coarse.shape[0])[:, None], np.arange(coarse.shape[1])] += 3
        np.savez(path, logits=z.astype(np.float32), feature=random.random(6).astype(np.float32))
