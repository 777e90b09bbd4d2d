"""Decoders of PNG and JPEG beside Pillow, as ratios of processor time measured in turns, and whether pixels are equal.

python benchmarks/decoding.py [--data FOLDER] [--out FILE.json]

FOLDER holds `camvid`, whose images are enlarged to two megapixels. The other decoders are no dependencies: install
opencv-python-headless, imagecodecs, simplejpeg, pyspng, and pyvips with pyvips-binary first.
"""

import argparse
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
from kernel import Measure
from machine import show
from PIL import Image

SIZE = (2048, 1024)
TURNS = 9
Decoder = Callable[[bytes], np.ndarray]


def pillow(data: bytes) -> np.ndarray:
    """As reliseg does."""
    return np.array(Image.open(BytesIO(data)))


def decoders() -> dict[str, dict[str, Decoder]]:
    """Of each kind of file; an ImportError where one is not installed."""
    import cv2
    import imagecodecs
    import pyspng
    import pyvips
    import simplejpeg

    cv2.setNumThreads(1)
    pyvips.cache_set_max(0)

    def vips(data: bytes) -> np.ndarray:
        """Grey images have a third axis there."""
        return pyvips.Image.new_from_buffer(data, "", access="sequential").numpy().squeeze()

    def opencv(flag: int) -> Decoder:
        """Color or as it is."""
        return lambda data: cv2.imdecode(np.frombuffer(data, np.uint8), flag)

    png: dict[str, Decoder] = {
        "pillow": pillow,
        "imagecodecs": imagecodecs.png_decode,
        "imagecodecs, spng": imagecodecs.spng_decode,
        "pyspng": pyspng.load,
        "pyvips": vips,
    }
    jpeg: dict[str, Decoder] = {
        "pillow": pillow,
        "imagecodecs": imagecodecs.jpeg8_decode,
        "simplejpeg": simplejpeg.decode_jpeg,
        "pyvips": vips,
    }
    return {
        "PNG image": png | {"opencv": opencv(cv2.IMREAD_COLOR_RGB)},
        "PNG mask": png | {"opencv": opencv(cv2.IMREAD_UNCHANGED)},
        "JPEG image": jpeg | {"opencv": opencv(cv2.IMREAD_COLOR_RGB)},
    }


def files(data: Path) -> dict[str, bytes]:
    """One file of each kind, of two megapixels."""
    path = sorted((data / "camvid" / "test").glob("*.png"))[0]
    image = Image.open(path).convert("RGB").resize(SIZE, Image.Resampling.LANCZOS)
    mask = Image.open(data / "camvid" / "testannot" / path.name).resize(SIZE, Image.Resampling.NEAREST)
    return {
        "PNG image": encode(image, "PNG"),
        "PNG mask": encode(mask, "PNG"),
        "JPEG image": encode(image, "JPEG", quality=95),
    }


def encode(picture: Image.Image, kind: str, **options: int) -> bytes:
    """The bytes of a file."""
    file = BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def measure_decoders(data: Path) -> list[Measure]:
    """All decoders in turns, kind by kind."""
    try:
        by_kind = decoders()
    except ImportError as missing:
        return [Measure("decoding, beside Pillow", None, "", note=f"{missing}; see benchmarks/decoding.py")]
    measures = []
    for kind, content in files(data).items():
        spent = dict.fromkeys(by_kind[kind], float("inf"))
        for _ in range(TURNS):
            for name, decode in by_kind[kind].items():
                start = time.process_time()
                decode(content)
                spent[name] = min(spent[name], time.process_time() - start)
        expected = pillow(content).astype(int)
        base = spent.pop("pillow")
        measures.append(Measure(f"decoding, {kind} of two megapixels, Pillow", 1e3 * base, " ms"))
        for name, seconds in spent.items():
            gap = int(abs(by_kind[kind][name](content) - expected).max())
            note = "equal pixels" if gap == 0 else f"pixels differ by up to {gap}"
            measures.append(Measure(f"decoding, {kind}, {name}, of Pillow", seconds / base, "", note=note))
    return measures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "data")
    parser.add_argument("--out", type=Path, help="also write the measures there, as JSON")
    arguments = parser.parse_args()
    show(measure_decoders(arguments.data), arguments.out)


if __name__ == "__main__":
    main()
