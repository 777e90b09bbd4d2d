"""Outputs of a network for parts and views of an image -> the prediction of the image, by rows.

numba is imported with this module: import it where it is used.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from reliseg.kernels.rows.mask_scores import MaskScores
from reliseg.kernels.rows.masks import MaskRows
from reliseg.kernels.rows.probabilities import Logarithm, ProbabilityMean, Softmaxed
from reliseg.kernels.rows.resized import Cropped, Mirrored, Resized
from reliseg.kernels.rows.windows import Window, WindowMean
from reliseg.models.inference.modes import EvenWindows, Inference, View, window_places
from reliseg.models.inference.resizing import Size
from reliseg.models.options import Slide
from reliseg.prediction import Prediction
from reliseg.stats.probabilities import LEAST_MAP
from reliseg.stats.rows import Rows, ScoreRows
from reliseg.types import Feature, Image

Ask: TypeAlias = Callable[[Image, int], Prediction]
"""An image as the network sees it, and the number of the pass -> its checked output, at the network's own stride."""


@dataclass(frozen=True, eq=False)
class Shown:
    """What a network gave for a view of an image: maps at the size of the image, scores, and the pooled feature."""

    maps: Rows
    scores: Mapping[str, ScoreRows]
    feature: Feature | None


def compose(image: Image, inference: Inference, ask: Ask) -> Prediction:
    """Return the prediction of an image, whatever its views, windows and passes are."""
    height, width = image.shape[:2]
    asked = _Numbered(ask)
    shown = [
        _show(image, view, inference, asked) for view in inference.views for _ in range(inference.dropout_passes or 1)
    ]
    feature = _mean_feature([one.feature for one in shown])
    if len(shown) == 1:
        return Prediction(shown[0].maps, (height, width), feature=feature, score_maps=shown[0].scores)
    return mean_prediction([one.maps for one in shown], (height, width), feature)


def mean_prediction(members: Sequence[Rows], size: Size, feature: Feature | None) -> Prediction:
    """Return the prediction whose probabilities are the mean of the members', with the scores of their difference."""
    mean = ProbabilityMean(tuple(members))
    return Prediction(mean, size, feature=feature, score_maps=mean.score_maps)


def at_image(output: Prediction, seen: Size, size: Size, *, through_input: bool) -> Prediction:
    """Return the output for a whole image at the image's size: itself, where one interpolation does it."""
    is_array = not isinstance(output.logits, Rows)
    if is_array and output.size == seen and (not through_input or seen == size):
        if output.probabilities is not None:
            return Prediction(rows_of(replace(output, size=size)), size, feature=output.feature)
        return Prediction(output.logits, size, output.align_corners, output.feature)
    maps = maps_of(output, seen).brought_to(size)
    scores = MaskScores(maps.with_no_object()).by_name() if isinstance(maps, MaskRows) else {}
    return Prediction(maps, size, feature=output.feature, score_maps=scores)


def maps_of(output: Prediction, seen: Size) -> Rows:
    """Return the maps at the size of what the network saw, without padding; of probabilities their logarithms."""
    if isinstance(output.logits, Rows):
        return output.logits
    values = np.asarray(output.logits if output.probabilities is None else output.probabilities, np.float32)
    maps: Rows = Resized(values, output.size, output.align_corners)
    if output.size != seen:
        maps = Cropped(maps, seen, output.align_corners)
    return maps if output.probabilities is None else Logarithm(maps)


def rows_of(prediction: Prediction) -> Rows:
    """Return the maps of a finished prediction at the size of its image; another is reached from its own stride."""
    if isinstance(prediction.logits, Rows):
        return prediction.logits
    of_probabilities = prediction.probabilities is not None
    values = np.asarray(prediction.probabilities if of_probabilities else prediction.logits, np.float32)
    maps = Resized(values, prediction.size, prediction.align_corners, once=True)
    return Logarithm(maps) if of_probabilities else maps


class _Numbered:
    """Counts the passes of one image."""

    def __init__(self, ask: Ask) -> None:
        self._ask, self._number = ask, 0

    def __call__(self, image: Image) -> Prediction:
        self._number += 1
        return self._ask(image, self._number - 1)


def _show(image: Image, view: View, inference: Inference, ask: Callable[[Image], Prediction]) -> Shown:
    """Return what the network gives for a view."""
    height, width = image.shape[:2]
    seen = inference.resizing(image, view.scale)
    if view.mirrored:
        seen = np.ascontiguousarray(seen[:, ::-1])
    size = seen.shape[0], seen.shape[1]
    if inference.slide is not None:
        shown = _slide(seen, inference.slide, (height, width), ask)
    else:
        output = at_image(ask(seen), size, (height, width), through_input=inference.through_input)
        shown = Shown(rows_of(output), output.score_maps, output.feature)
    return Shown(Mirrored(shown.maps), {}, shown.feature) if view.mirrored else shown


def _slide(seen: Image, slide: Slide | EvenWindows, size: Size, ask: Callable[[Image], Prediction]) -> Shown:
    """Return the mean of windows, brought to the image's size."""
    whole = seen.shape[0], seen.shape[1]
    windows, features = [], []
    aligned = False
    for rows, columns in window_places(whole, slide):
        part = np.ascontiguousarray(seen[rows, columns])
        output = ask(part)
        aligned |= output.align_corners
        windows.append(Window(rows.start, columns.start, maps_of(output, (part.shape[0], part.shape[1]))))
        features.append(output.feature)
    if slide.feature == "image":
        features = [ask(seen).feature]
    feature = _mean_feature(features)
    as_probabilities = slide.average == "probabilities"
    if all(isinstance(w.maps, MaskRows) for w in windows):
        return _mean_of_masks(windows, whole, size, feature, as_probabilities)
    linear = [Window(w.top, w.left, _averaged(w.maps, as_probabilities)) for w in windows]
    mean = WindowMean(tuple(linear), whole, aligned).brought_to(size)
    is_log = as_probabilities or windows[0].maps.of_probabilities
    return Shown(Logarithm(mean) if is_log else mean, {}, feature)


def _averaged(maps: Rows, as_probabilities: bool) -> Rows:
    """Return what is averaged where windows overlap."""
    if maps.of_probabilities:
        return maps.linear()
    return Softmaxed(maps) if as_probabilities else maps


def _mean_of_masks(
    windows: Sequence[Window], whole: Size, size: Size, feature: Feature | None, as_probabilities: bool
) -> Shown:
    """Return the mean of class maps of windows, or of what they are divided by their sum; scores are the mean maps'."""
    of_masks = [(w, w.maps) for w in windows if isinstance(w.maps, MaskRows)]
    averaged = [(w, Softmaxed(maps) if as_probabilities else maps.linear()) for w, maps in of_masks]
    classes = WindowMean(tuple(Window(w.top, w.left, maps) for w, maps in averaged), whole)
    every = WindowMean(tuple(Window(w.top, w.left, maps.with_no_object()) for w, maps in of_masks), whole)
    scores = MaskScores(every.brought_to(size)).by_name()
    return Shown(Logarithm(classes.brought_to(size), LEAST_MAP), scores, feature)


def _mean_feature(features: Sequence[Feature | None]) -> Feature | None:
    """Return the mean of the features, or None where one is missing."""
    given = [feature for feature in features if feature is not None]
    if len(given) < len(features) or len({len(feature) for feature in given}) != 1:
        return None
    return given[0] if len(given) == 1 else np.asarray(np.mean(given, axis=0, dtype=np.float64), np.float32)
