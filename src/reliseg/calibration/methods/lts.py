"""Local temperature scaling: a small network gives a temperature for each pixel."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Any, ClassVar

import numpy as np

from reliseg.calibration.base import Calibration, Calibrator
from reliseg.calibration.fitting.columns import ColumnUse, check_column_count, check_live_columns, inspect_columns
from reliseg.calibration.fitting.inverse_temperature import fit_inverse_temperature
from reliseg.calibration.methods.ts import Scaled
from reliseg.calibration.parameters import is_natural, require, require_positive, require_seed
from reliseg.calibration.sample import CalibrationSample, WholeImage
from reliseg.errors import CalibrationError, MissingExtraError, image_size_text
from reliseg.prediction import Prediction
from reliseg.types import Float32, Int64

_CHANNELS = {"both": (8, 1), "logits": (7, 0), "image": (0, 1)}
"""On logits (leaves and gates), and on the image."""
_HELD_OUT = 5
"""One image of so many is held out."""


@dataclass(frozen=True, eq=False)
class ScaledLocally(Calibration):
    """The logits of each pixel are divided by its temperature: weights as in `lts_network.Tree`.

    Without weights every pixel has the one `temperature`. `live` are the columns that some model class goes to, of
    `columns` in all. `held_out` is the negative log-likelihood of held-out images with that one temperature, and with
    this; `images` is how many were trained on.
    """

    temperature: float
    columns: int
    live: tuple[int, ...]
    logit_weights: Float32[np.ndarray, "k l 5 5"]
    logit_bias: Float32[np.ndarray, " k"]
    image_weights: Float32[np.ndarray, "i 3 5 5"]
    image_bias: Float32[np.ndarray, " i"]
    held_out: tuple[float, float]
    images: int
    keeps_argmax: ClassVar[bool] = True

    @property
    def needs_image(self) -> bool:
        """Return whether a leaf looks at the image."""
        return bool(len(self.image_bias))

    def __call__(self, prediction: Prediction) -> Prediction:
        """Return the prediction with 1/T of each pixel; a CalibrationError where it does not fit the weights."""
        if not len(self.logit_bias) and not len(self.image_bias):
            return Scaled(self.temperature)(prediction)
        check_column_count("lts", self.columns, prediction.columns)
        check_live_columns("lts", prediction, self.live)
        if self.needs_image:
            _check_image(prediction)
        from reliseg.calibration.fitting import lts_network  # imports torch

        tree = lts_network.Tree(self.logit_weights, self.logit_bias, self.image_weights, self.image_bias)
        return replace(prediction, pixel_factors=lts_network.pixel_factors(tree, prediction))

    def notes(self) -> list[str]:
        """Return a line where training gained nothing, and where the temperature stands at the end of its range."""
        notes = Scaled(self.temperature).notes()
        if not len(self.logit_bias) and not len(self.image_bias):
            notes.append(
                f"training on {self.images} images did not lower the loss of the held-out images, "
                f"so every pixel has the temperature {self.temperature:.4g}, as with ts"
            )
        return notes


@dataclass(frozen=True)
class LocalTemperature(Calibrator):
    """One temperature for each pixel, from a tree of convolutions (Ding et al., ICCV 2021).

    `inputs` says what the tree reads: both, logits or image. Values of images lie between `image_from`, -1 or 0 (as in
    the scripts of de Jorge et al., CVPR 2023), and 1 while it is trained.
    The tree starts with small random weights at the temperature of `ts`. One image in five is held out; the weights
    that are best there are kept, and where none are better than the one temperature, that is. Adam with step `rate`
    on the negative log-likelihood, four images a step, at most `epochs` times over at most 500 images. The published
    code starts with weights of zero, which keep all leaves on logits alike for ever, and lets T reach 0; T is at
    least 0.05 here. It cannot be fitted with fewer than two whole images that have counted pixels.
    """

    inputs: str = "both"
    epochs: int = 10
    rate: float = 1e-4
    image_from: int = -1
    seed: int = 42
    needs_whole_images: ClassVar[bool] = True

    def __post_init__(self) -> None:
        require(self.inputs in tuple(_CHANNELS), "lts", "inputs", self.inputs, "both, logits or image")
        require(is_natural(self.epochs, 1), "lts", "epochs", self.epochs, "a number from 1")
        require_positive("lts", "rate", self.rate)
        object.__setattr__(self, "rate", float(self.rate))
        require(
            type(self.image_from) is int and self.image_from in (-1, 0), "lts", "image_from", self.image_from, "-1 or 0"
        )
        require_seed("lts", self.seed)
        if find_spec("torch") is None:
            raise MissingExtraError("torch", "torch", "lts")

    @property
    def needs_image(self) -> bool:
        """Return whether a leaf looks at the image."""
        return _CHANNELS[self.inputs][1] > 0

    @property
    def least_images(self) -> int:
        """Return one to train on, and one that is held out."""
        return 2

    def fit(self, sample: CalibrationSample) -> ScaledLocally:
        """Return the trained weights, or none where one temperature is as good."""
        from reliseg.calibration.fitting import lts_network  # imports torch

        columns = inspect_columns(sample, "lts")
        live = np.flatnonzero(columns.live)
        images = self._trainable_images(sample.whole, live)
        if len(images) < self.least_images:
            raise CalibrationError(
                f"lts needs at least 2 images with known pixels, to hold one out, and has {len(images)}; give more"
            )
        temperature = 1 / fit_inverse_temperature(sample)
        generator = np.random.default_rng(self.seed)
        order = [images[i] for i in generator.permutation(len(images))]
        held_out = max(1, round(len(order) / _HELD_OUT))
        channels = _CHANNELS[self.inputs]
        result = lts_network.train(
            lts_network.Tree.random(channels, len(live), _logit_scale(sample, columns), temperature, generator),
            temperature,
            images=sample.whole,
            parts=(order[held_out:], order[:held_out]),
            schedule=lts_network.Schedule(self.epochs, self.rate, self.image_from),
            training=sample.training,
            generator=generator,
        )
        tree = result.tree or lts_network.Tree.random((0, 0), len(live), 1.0, temperature, generator)
        return ScaledLocally(
            temperature=temperature,
            columns=len(columns.live),
            live=tuple(live.tolist()),
            logit_weights=tree.logit_weights,
            logit_bias=tree.logit_bias,
            image_weights=tree.image_weights,
            image_bias=tree.image_bias,
            held_out=(result.before, result.after),
            images=len(order) - held_out,
        )

    def restore(self, parameters: dict[str, Any]) -> ScaledLocally:
        """Return the calibration with these weights."""
        live = tuple(int(c) for c in parameters["live"])
        before, after = (float(v) for v in parameters["held_out"])
        shapes = {"logit_weights": (-1, len(live), 5, 5), "image_weights": (-1, 3, 5, 5)}
        weights = {
            name: np.asarray(parameters[name], np.float32).reshape(shapes.get(name, (-1,)))
            for name in ("logit_weights", "logit_bias", "image_weights", "image_bias")
        }
        return ScaledLocally(
            temperature=float(parameters["temperature"]),
            columns=int(parameters["columns"]),
            live=live,
            held_out=(before, after),
            images=int(parameters["images"]),
            **weights,
        )

    def _trainable_images(self, images: Sequence[WholeImage], live: Int64[np.ndarray, " l"]) -> list[int]:
        """Return the places of the images with counted pixels, by id; a CalibrationError names an unusable one."""
        from reliseg.calibration.fitting.lts_network import live_labels

        places = []
        for i in range(len(images)):
            image = images[i]
            try:
                check_live_columns("lts", image.prediction, live)
                if self.needs_image:
                    _check_image(image.prediction)
            except CalibrationError as error:
                raise CalibrationError(f"{image.id}: {error}") from error
            if image.prediction.problem():
                raise CalibrationError(f"lts: {image.id}: {image.prediction.problem()}")
            if (live_labels(image.truth, live) >= 0).any():
                places.append((image.id, i))
        return [i for _, i in sorted(places)]


def _check_image(prediction: Prediction) -> None:
    if prediction.image is None:
        raise CalibrationError("lts: the prediction comes without its image; give images, or use lts(inputs=logits)")
    if prediction.image.shape != (*prediction.size, 3):
        image, predicted = image_size_text(prediction.image.shape[:2]), image_size_text(prediction.size)
        raise CalibrationError(f"lts: the image has {image}, and the prediction {predicted}")


def _logit_scale(sample: CalibrationSample, columns: ColumnUse) -> float:
    """Return the root mean square of the logits of live columns."""
    total, pixels = 0.0, 0
    for z, _ in sample.blocks():
        total += float((z[:, columns.live].astype(np.float64) ** 2).mean(axis=1).sum())
        pixels += len(z)
    return float(np.sqrt(total / pixels))
