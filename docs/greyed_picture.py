"""Draw the picture of docs/export.md: images of the demo beside what an exported file is sure of.

make demo, reliseg export as examples/grey_out.py says, then: python docs/greyed_picture.py runs/demo street.onnx
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))
from grey_out import SureModel

WEATHERS = ("clear", "night", "fog")
GAP, QUALITY = 8, 80


def main(demo: str, file: str) -> None:
    """Write the picture: the first image of each weather, in the same order whatever it shows."""
    model, rows = SureModel(Path(file)), []
    for weather in WEATHERS:
        path = Path(demo, "scenes", weather, "images", f"{weather}_0000.png")
        image = model.read(path)
        maps = model(image)
        truth = np.asarray(Image.open(path.parents[1] / "masks" / path.name))
        counted = truth < len(model.facts["classes"])
        accepted, wrong = maps["accepted"] & counted, counted & (maps["classes"] != truth)
        print(
            f"{weather}: {accepted.sum() / counted.sum():.0%} accepted, {wrong.sum() / counted.sum():.0%} wrong, "
            f"of the accepted ones {(accepted & wrong).sum() / accepted.sum():.1%}"
        )
        gap = np.full((len(image), GAP, 3), 255, np.uint8)
        rows += [np.concatenate([image, gap, model.greyed(image, maps)], axis=1)]
        rows += [np.full((GAP, rows[0].shape[1], 3), 255, np.uint8)]
    Image.fromarray(np.concatenate(rows[:-1])).save(Path(__file__).with_name("images") / "greyed.webp", quality=QUALITY)


if __name__ == "__main__":
    main(*sys.argv[1:])
