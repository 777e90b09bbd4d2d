"""Content-dependent calibration: a temperature for each cluster of images."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float64

from reliseg.calibration._pixels import census, check_columns
from reliseg.calibration._slopes import Groups, Logits, best_slopes, shrunk
from reliseg.calibration.base import Calibration, CalibrationSample, Calibrator, is_amount, is_natural, required
from reliseg.errors import CalibrationError, MissingExtraError
from reliseg.prediction import Prediction

_BATCH = 2048
_STARTS = 5
_NEAREST = 1e-6
"""Added to distances before soft weights are taken: an image on a centre would have an infinite one."""


@dataclass(frozen=True)
class ScaledByCluster(Calibration):
    """Logits are divided by the temperature of the image's cluster: the nearest centre in feature space.

    With `soft`, by the mean of all temperatures, weighted by one over the distance. `temperatures` has a row for each
    centre, with one entry, or one for each predicted class (`other` last).
    """

    centres: tuple[tuple[float, ...], ...]
    temperatures: tuple[tuple[float, ...], ...]
    soft: bool
    keeps_argmax: ClassVar[bool] = True

    def __call__(self, prediction: Prediction) -> Prediction:
        """The prediction, divided by the temperatures of its image; a CalibrationError where it has no feature."""
        if prediction.feature is None:
            raise CalibrationError("the prediction has no feature, which cluster_ts needs; give the model one")
        known = len(self.centres[0])
        if len(prediction.feature) != known or not np.isfinite(prediction.feature).all():
            raise CalibrationError(f"the feature is not {known} finite numbers, which cluster_ts was fitted on")
        if len(self.temperatures[0]) > 1:
            check_columns("cluster_ts", len(self.temperatures[0]), prediction.columns)
        feature = unit(np.asarray(prediction.feature, np.float64)[None])
        distances = np.linalg.norm(np.array(self.centres) - feature, axis=1)
        if self.soft:
            weights = 1 / (distances + _NEAREST)
            temperatures = weights @ np.array(self.temperatures) / weights.sum()
        else:
            temperatures = np.array(self.temperatures[int(distances.argmin())])
        slopes = np.broadcast_to(1 / temperatures, (prediction.columns,)).copy()
        return replace(prediction, inverse_temperatures=slopes)


@dataclass(frozen=True)
class ClusterTemperature(Calibrator):
    """The study's content-dependent calibration (de Jorge et al., CVPR 2023): k-means on image features, a T each.

    Features are the pooled deepest feature map, of unit length. `k` is a number, or "all": each calibration image its
    own cluster. 1/T of a cluster is drawn towards the global 1/T by `shrinkage` pixels' worth of it. `k=1` is `ts`.
    """

    k: int | str = 8
    soft: bool = False
    per_class: bool = False
    shrinkage: float = 10_000.0
    seed: int = 42

    def __post_init__(self) -> None:
        required(self.k == "all" or is_natural(self.k, 1), "cluster_ts", "k", self.k, "a number from 1, or all")
        for key in ("soft", "per_class"):
            value = getattr(self, key)
            required(isinstance(value, bool), "cluster_ts", key, value, "true or false")
        required(is_amount(self.shrinkage), "cluster_ts", "shrinkage", self.shrinkage, "a number of pixels from 0")
        object.__setattr__(self, "shrinkage", float(self.shrinkage))
        seeds = is_natural(self.seed) and self.seed < 1 << 32
        required(seeds, "cluster_ts", "seed", self.seed, "a number from 0, below 2**32")

    def fit(self, sample: CalibrationSample) -> ScaledByCluster:
        """The centres and their temperatures."""
        columns = len(census(sample, "cluster_ts").live)
        centres, of_image = self._clusters(_features(sample))
        everywhere, _ = best_slopes(sample.grouped, 1)
        classes = columns if self.per_class else 1

        def group(logits: Logits, images: Groups) -> Groups:
            cluster = of_image[images]
            return cluster * classes + logits.argmax(axis=1) if self.per_class else cluster

        slopes, counts = best_slopes(lambda: sample.grouped(group), len(centres) * classes)
        temperatures = 1 / shrunk(slopes, float(everywhere[0]), counts, self.shrinkage)
        rows = temperatures.reshape(len(centres), classes).tolist()
        return ScaledByCluster(tuple(map(tuple, centres.tolist())), tuple(map(tuple, rows)), self.soft)

    def restore(self, parameters: dict[str, Any]) -> ScaledByCluster:
        """The calibration with these centres and temperatures."""
        centres, temperatures = (
            tuple(tuple(float(v) for v in row) for row in parameters[key]) for key in ("centres", "temperatures")
        )
        return ScaledByCluster(centres, temperatures, bool(parameters["soft"]))

    def _clusters(self, features: Float64[np.ndarray, "n f"]) -> tuple[Float64[np.ndarray, "k f"], Groups]:
        """The centres, and the cluster of each image."""
        n = len(features)
        if self.k == "all":
            return features, np.arange(n)
        if int(self.k) > n:
            raise CalibrationError(f"cluster_ts: {self.k} clusters of {n} images; give k={n} or less, or more images")
        if self.k == 1:
            return features.mean(axis=0, keepdims=True), np.zeros(n, np.int64)
        try:
            from sklearn.cluster import MiniBatchKMeans  # slow to import
        except ImportError as error:
            raise MissingExtraError("scikit-learn", "cluster", "cluster_ts") from error
        means = MiniBatchKMeans(int(self.k), batch_size=_BATCH, n_init=_STARTS, random_state=self.seed)
        of_image = means.fit_predict(features)
        return means.cluster_centers_.astype(np.float64), of_image.astype(np.int64)


def _features(sample: CalibrationSample) -> Float64[np.ndarray, "n f"]:
    """The features of all images, of unit length."""
    missing = [image.id for image in sample.images if image.feature is None]
    if missing or not sample.images:
        first = f" (first: {missing[0]})" if missing else ""
        raise CalibrationError(f"cluster_ts: {len(missing)} predictions have no feature{first}; the model gives none")
    length = len(sample.images[0].feature or ())
    unfit = [i.id for i in sample.images if len(i.feature or ()) != length or not np.isfinite(i.feature or ()).all()]
    if unfit:
        raise CalibrationError(f"cluster_ts: {len(unfit)} features are not {length} finite numbers (first: {unfit[0]})")
    return unit(np.array([image.feature for image in sample.images], np.float64))


def unit(features: Float64[np.ndarray, "n f"]) -> Float64[np.ndarray, "n f"]:
    """Each feature at length 1; one of zeros stays as it is."""
    norms = np.linalg.norm(features, axis=1, keepdims=True)
    return np.divide(features, norms, out=features.copy(), where=norms > 0)
