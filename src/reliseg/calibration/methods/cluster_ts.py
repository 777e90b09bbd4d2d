"""Content-dependent calibration: a temperature for each cluster of images."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar, TypeAlias

import numpy as np

from reliseg.calibration.base import Calibration, Calibrator
from reliseg.calibration.fitting.clusters import SCALES, Centres, Features, Mixture
from reliseg.calibration.fitting.columns import check_column_count, inspect_columns
from reliseg.calibration.fitting.inverse_temperature import (
    HIGHEST,
    LOWEST,
    check_range,
    fit_inverse_temperature,
    fit_inverse_temperatures,
    range_notes,
    shrink,
)
from reliseg.calibration.fitting.least_ece import TEMPERATURES, fit_least_ece, search_least_ece
from reliseg.calibration.parameters import is_amount, is_natural, require, require_flag, require_seed
from reliseg.calibration.sample import (
    CalibrationSample,
    InverseTemperatures,
    PixelIndices,
    PixelLabels,
    PixelLogits,
)
from reliseg.errors import CalibrationError, count_text
from reliseg.prediction import Prediction
from reliseg.types import Float64

Temperatures: TypeAlias = Float64[np.ndarray, "k y"]
"""A row for each cluster, with one entry, or one for each predicted class (`other` last)."""
Group: TypeAlias = Callable[[PixelLogits, PixelIndices], PixelIndices]
"""Logits of pixels, and the place of the image of each -> the group of each."""

_RANGES = {"nll": (LOWEST, HIGHEST), "ece": (float(TEMPERATURES[0]), float(TEMPERATURES[-1]))}
"""The objectives, and the range of temperatures of each."""


@dataclass(frozen=True, eq=False)
class ScaledByCluster(Calibration):
    """Logits are divided by the temperature of the image's cluster: the one that its feature has most weight in.

    With `soft`, by the mean of all temperatures, weighted: by one over the distance from each centre, or by the
    posterior of a mixture. `objective` says what they were chosen by.
    """

    clusters: Centres | Mixture
    temperatures: Temperatures
    soft: bool
    objective: str = "nll"
    keeps_argmax: ClassVar[bool] = True

    def __post_init__(self) -> None:
        t = self.temperatures
        if t.ndim != 2 or len(t) != len(self.clusters) or not t.size or not (t > 0).all():
            raise ValueError("there is no temperature above 0 for each cluster")
        check_range(t, *_RANGES[self.objective])

    def __call__(self, prediction: Prediction) -> Prediction:
        """Return the prediction with the temperatures of its image; a CalibrationError where it has no feature."""
        if prediction.feature is None:
            raise CalibrationError(
                "cluster_ts needs a feature of each image, and the prediction has none; let the model give one"
            )
        known = self.clusters.centres.shape[1]
        if len(prediction.feature) != known or not np.isfinite(prediction.feature).all():
            raise CalibrationError(f"the feature must be {known} finite numbers, as in the fit of cluster_ts")
        if self.temperatures.shape[1] > 1:
            check_column_count("cluster_ts", self.temperatures.shape[1], prediction.columns)
        weights = self.clusters.weights(np.asarray(prediction.feature, np.float64)[None])[0]
        temperatures = weights @ self.temperatures if self.soft else self.temperatures[int(weights.argmax())]
        inverse_temperatures = np.broadcast_to(1 / temperatures, (prediction.columns,)).copy()
        return replace(prediction, inverse_temperatures=inverse_temperatures)

    def notes(self) -> list[str]:
        """Return a line where temperatures stand at the end of their range, and where clusters tell no images apart."""
        notes, several = range_notes(self.temperatures, *_RANGES[self.objective]), len(self.temperatures) > 1
        if several and not np.ptp(self.clusters.centres, axis=0).any():
            notes.append("all images have the same feature, so it cannot tell them apart")
        elif several and not np.ptp(self.temperatures, axis=0).any():
            notes.append("most clusters hold no image, so all have the same temperature, as without clusters")
        return notes

    def parameters(self) -> dict[str, Any]:
        """Return those of the clusters, the temperatures, whether they are mixed, and an objective that is not nll."""
        objective = {} if self.objective == "nll" else {"objective": self.objective}
        return {**self.clusters.parameters(), "temperatures": self.temperatures, "soft": self.soft} | objective


@dataclass(frozen=True)
class ClusterTemperature(Calibrator):
    """One temperature for each cluster of similar images: content-dependent calibration (de Jorge et al., CVPR 2023).

    Features are the pooled deepest feature map; `clusters` is kmeans or mixture. `k` is a number, or "all": each
    calibration image its own cluster. k-means clusters `features` at length 1 (l2), or divided by their maximum (max).
    The temperature of a cluster has the least negative log-likelihood, or the least ECE of a grid (`objective`), as
    that of `ts`; 1/T is shrunk towards that of all pixels, as if `shrinkage` of these were among the cluster's own.
    `k=1` is `ts`. The scripts of the study do as with objective=ece, shrinkage=0 and features=max. Clusters depend on
    luck: where no `seed` is given it is fitted with 42 and with 43. It cannot be fitted where an image has no feature,
    or with more clusters than images.
    """

    needs_feature: ClassVar[bool] = True
    k: int | str = 8
    clusters: str = "kmeans"
    soft: bool = False
    per_class: bool = False
    shrinkage: float = 10_000.0
    features: str = "l2"
    objective: str = "nll"
    seed: int = 42

    def __post_init__(self) -> None:
        require(self.k == "all" or is_natural(self.k, 1), "cluster_ts", "k", self.k, "a number from 1, or all")
        kinds = ["kmeans"] if self.k == "all" else ["kmeans", "mixture"]
        need = f"{' or '.join(kinds)}{' with k=all' * (self.k == 'all')}"
        require(self.clusters in kinds, "cluster_ts", "clusters", self.clusters, need)
        for key in ("soft", "per_class"):
            require_flag("cluster_ts", key, getattr(self, key))
        require(is_amount(self.shrinkage), "cluster_ts", "shrinkage", self.shrinkage, "a number of pixels from 0")
        object.__setattr__(self, "shrinkage", float(self.shrinkage))
        require(self.features in SCALES, "cluster_ts", "features", self.features, " or ".join(SCALES))
        only = "it with clusters=kmeans only: a mixture has a scale of its own"
        require(self.features == "l2" or self.clusters == "kmeans", "cluster_ts", "features", self.features, only)
        require(self.objective in tuple(_RANGES), "cluster_ts", "objective", self.objective, "nll or ece")
        require_seed("cluster_ts", self.seed)

    @property
    def least_images(self) -> int:
        """Return one for each cluster."""
        return 1 if self.k == "all" else int(self.k)

    def usual_seeds(self) -> tuple[int, ...]:
        """Return two (the study's first), where clusters depend on them."""
        return () if self.k in (1, "all") else (42, 43)

    def fit(self, sample: CalibrationSample) -> ScaledByCluster:
        """Return the clusters and their temperatures."""
        columns = len(inspect_columns(sample, "cluster_ts").live)
        clusters, of_image = self._clusters(_features(sample), [image.id for image in sample.images])
        classes = columns if self.per_class else 1

        def group(logits: PixelLogits, images: PixelIndices) -> PixelIndices:
            cluster = of_image[images]
            return cluster * classes + logits.argmax(axis=1) if self.per_class else cluster

        search = _search_nll if self.objective == "nll" else _search_ece
        by_group, counts, everywhere = search(sample, group, len(clusters) * classes)
        temperatures = 1 / shrink(by_group, everywhere, counts, self.shrinkage)
        return ScaledByCluster(clusters, temperatures.reshape(len(clusters), classes), self.soft, self.objective)

    def restore(self, parameters: dict[str, Any]) -> ScaledByCluster:
        """Return the calibration with these clusters and temperatures."""
        words = ("soft", "objective", "features")
        arrays = {k: np.asarray(v, np.float64) for k, v in parameters.items() if k not in words}
        temperatures, scale = arrays.pop("temperatures"), parameters.get("features", "l2")
        clusters = Mixture(**arrays) if self.clusters == "mixture" else Centres(arrays["centres"], scale)
        return ScaledByCluster(clusters, temperatures, bool(parameters["soft"]), parameters.get("objective", "nll"))

    def _clusters(self, features: Features, ids: list[str]) -> tuple[Centres | Mixture, PixelIndices]:
        """Return the clusters, and that of each image."""
        n = len(features)
        if self.k == "all":
            return Centres.at_images(features, self.features), np.arange(n)
        if int(self.k) > n:
            raise CalibrationError(
                f"cluster_ts: {self.k} clusters, but only {count_text(n, 'image')}; give k={n} or less, or more images"
            )
        order = sorted(range(n), key=lambda i: ids[i])  # starts are drawn from images: their order must not matter
        clusters: Centres | Mixture
        if self.clusters == "mixture":
            clusters = Mixture.fit(features[order], int(self.k), self.seed)
        else:
            clusters = Centres.fit(features[order], int(self.k), self.seed, self.features)
        return clusters, clusters.weights(features).argmax(axis=1)


Found: TypeAlias = tuple[InverseTemperatures, PixelIndices, float]
"""1/T of each group, its number of pixels, and the 1/T of all pixels."""


def _search_nll(sample: CalibrationSample, group: Group, groups: int) -> Found:
    """Return the 1/T of least negative log-likelihood."""
    everywhere = fit_inverse_temperature(sample)
    return *fit_inverse_temperatures(
        lambda: sample.blocks_with_groups(group), groups, sample.training.threads
    ), everywhere


def _search_ece(sample: CalibrationSample, group: Group, groups: int) -> Found:
    """Return the 1/T of least ECE on the grid of `ts`; that of all pixels for a group without pixels."""
    everywhere = 1 / fit_least_ece(sample)
    counts = np.zeros(groups, np.int64)
    for _, _, of_pixel in sample.blocks_with_groups(group):
        counts += np.bincount(of_pixel, minlength=groups)

    def blocks(g: int) -> Iterator[tuple[PixelLogits, PixelLabels]]:
        for logits, labels, of_pixel in sample.blocks_with_groups(group):
            inside = of_pixel == g
            if inside.any():
                yield logits[inside], labels[inside]

    by_group = np.full(groups, everywhere)
    for g in np.flatnonzero(counts):
        by_group[g] = 1 / search_least_ece(partial(blocks, int(g)), int(counts[g]), sample.training.threads)
    return by_group, counts, everywhere


def _features(sample: CalibrationSample) -> Features:
    """Return the features of all images; a CalibrationError names the first image without one."""
    missing = [image.id for image in sample.images if image.feature is None]
    if missing or not sample.images:
        first = f" (first: {missing[0]})" if missing else ""
        raise CalibrationError(
            f"cluster_ts: {count_text(len(missing), 'image')} without a feature{first}; let the model give one for each"
        )
    length = max(1, len(sample.images[0].feature or ()))
    unfit = [i.id for i in sample.images if len(i.feature or ()) != length or not np.isfinite(i.feature or ()).all()]
    if unfit:
        raise CalibrationError(
            f"cluster_ts: {count_text(len(unfit), 'image')} without a feature of {length} finite numbers ({unfit[0]})"
        )
    return np.array([image.feature for image in sample.images], np.float64)
