"""Decoders of PNG and JPEG beside Pillow, as ratios of processor time measured in turns, and whether pixels are equal.

python benchmarks/decoding.py [--data FOLDER] [--out FILE.json]

FOLDER holds `camvid`, whose images are enlarged to two megapixels. The other decoders are no dependencies: install
opencv-python-headless, imagecodecs, simplejpeg, pyspng, and pyvips with pyvips-binary first.
"""

import argparse
import json
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import cv2
import imagecodecs
import numpy as np
import pyspng
import pyvips
import simplejpeg
from PIL import Image

SIZE = (2048, 1024)
TURNS = 9
Decoder = Callable[[bytes], np.ndarray]


def pillow(data: bytes) -> np.ndarray:
    """As reliseg does."""
    return np.array(Image.open(BytesIO(data)))


def vips(data: bytes) -> np.ndarray:
    """Grey images have a third axis there."""
    return pyvips.Image.new_from_buffer(data, "", access="sequential").numpy().squeeze()


def opencv(flag: int) -> Decoder:
    """Color or as it is."""
    return lambda data: cv2.imdecode(np.frombuffer(data, np.uint8), flag)


PNG: dict[str, Decoder] = {
    "pillow": pillow,
    "imagecodecs": imagecodecs.png_decode,
    "imagecodecs, spng": imagecodecs.spng_decode,
    "pyspng": pyspng.load,
    "pyvips": vips,
}
DECODERS: dict[str, dict[str, Decoder]] = {
    "PNG image": PNG | {"opencv": opencv(cv2.IMREAD_COLOR_RGB)},
    "PNG mask": PNG | {"opencv": opencv(cv2.IMREAD_UNCHANGED)},
    "JPEG image": {
        "pillow": pillow,
        "imagecodecs": imagecodecs.jpeg8_decode,
        "simplejpeg": simplejpeg.decode_jpeg,
        "pyvips": vips,
        "opencv": opencv(cv2.IMREAD_COLOR_RGB),
    },
}


def files(data: Path) -> dict[str, bytes]:
    """One file of each kind, of two megapixels."""
    path = sorted((data / "camvid" / "test").glob("*.png"))[0]
    image = Image.open(path).convert("RGB").resize(SIZE, Image.Resampling.LANCZOS)
    mask = Image.open(data / "camvid" / "testannot" / path.name).resize(SIZE, Image.Resampling.NEAREST)
    return {
        "PNG image": encoded(image, "PNG"),
        "PNG mask": encoded(mask, "PNG"),
        "JPEG image": encoded(image, "JPEG", quality=95),
    }


def encoded(picture: Image.Image, kind: str, **options: int) -> bytes:
    """The bytes of a file."""
    file = BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def main() -> None:
    """Measure, print, store."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "data")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    pyvips.cache_set_max(0)
    rows = []
    for kind, data in files(arguments.data).items():
        spent = dict.fromkeys(DECODERS[kind], np.inf)
        for _ in range(TURNS):
            for name, decode in DECODERS[kind].items():
                start = time.process_time()
                decode(data)
                spent[name] = min(spent[name], time.process_time() - start)
        expected = pillow(data).astype(int)
        for name, decode in DECODERS[kind].items():
            gap = int(abs(decode(data) - expected).max())
            row = {"file": kind, "decoder": name, "of_pillow": spent[name] / spent["pillow"], "largest_difference": gap}
            print(row, flush=True)
            rows.append(row)
    if arguments.out:
        arguments.out.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
