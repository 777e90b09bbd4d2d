"""Show where an exported model is sure of what it sees: classes in color, and in grey what it does not accept.

    reliseg export runs/demo/run --model street --calibration ts@drawn/mixed --out street.onnx
    python examples/grey_out.py street.onnx --out greyed IMAGE.png ..

It needs onnxruntime, NumPy and Pillow: all else is in the file.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image

GREY, OF_IMAGE = 190, 0.3
"""Of a pixel that is not accepted, so much of its brightness is left on a light grey."""


class SureModel:
    """A file of `reliseg export`: an image in; classes, confidence and accepted pixels out."""

    def __init__(self, path: Path) -> None:
        self.session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        self.facts = json.loads(self.session.get_modelmeta().custom_metadata_map["reliseg"])
        if self.facts["begins_with"] != "image" or "accepted" not in self.facts["outputs"]:
            raise SystemExit(f"{path} gives no accepted pixels of images; export a calibration with a threshold")
        _, self.height, self.width, _ = self.facts["inputs"]["image"]["shape"]
        self.palette = np.zeros((256, 3), np.uint8)  # 255, what is none of the classes, stays black
        self.palette[: len(self.facts["palette"])] = self.facts["palette"]

    def read(self, path: Path) -> np.ndarray:
        """Return an image as the graph takes it: 8-bit RGB, at its size."""
        image = Image.open(path).convert("RGB")
        if isinstance(self.height, int):  # else it takes any size
            image = image.resize((self.width, self.height))
        return np.asarray(image)

    def __call__(self, image: np.ndarray) -> dict[str, np.ndarray]:
        """Return the maps of an image."""
        names = list(self.facts["outputs"])
        return {
            name: maps[0] for name, maps in zip(names, self.session.run(names, {"image": image[None]}), strict=True)
        }

    def greyed(self, image: np.ndarray, maps: dict[str, np.ndarray]) -> np.ndarray:
        """Return the colors of the classes over the image, and grey where the model is not sure."""
        shown = 0.6 * self.palette[maps["classes"]] + 0.4 * image
        grey = OF_IMAGE * image.mean(axis=2, keepdims=True) + (1 - OF_IMAGE) * GREY
        return np.where(maps["accepted"][..., None], shown, grey).astype(np.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="a file of reliseg export")
    parser.add_argument("images", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, default=Path("greyed"), help="the folder for the pictures")
    given = parser.parse_args()
    model = SureModel(given.model)
    given.out.mkdir(parents=True, exist_ok=True)
    for path in given.images:
        image = model.read(path)
        maps = model(image)
        Image.fromarray(model.greyed(image, maps)).save(given.out / f"{path.stem}.png")
        print(f"{path}: {maps['accepted'].mean():.0%} accepted, mean confidence {maps['confidence'].mean():.2f}")


if __name__ == "__main__":
    main()
