"""Content-dependent calibration: a temperature for each cluster of images."""

from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar, TypeAlias

import numpy as np
from jaxtyping import Float64

from reliseg.calibration.base import Calibration, Calibrator
from reliseg.calibration.fitting.clusters import Centres, Features, Mixture
from reliseg.calibration.fitting.columns import check_column_count, inspect_columns
from reliseg.calibration.fitting.inverse_temperature import (
    check_range,
    fit_inverse_temperature,
    fit_inverse_temperatures,
    range_notes,
    shrink,
)
from reliseg.calibration.parameters import is_amount, is_natural, require, require_flag, require_seed
from reliseg.calibration.sample import CalibrationSample, PixelIndices, PixelLogits
from reliseg.errors import CalibrationError, count_text
from reliseg.prediction import Prediction

_KINDS: dict[str, type[Centres] | type[Mixture]] = {"kmeans": Centres, "mixture": Mixture}

Temperatures: TypeAlias = Float64[np.ndarray, "k y"]
"""A row for each cluster, with one entry, or one for each predicted class (`other` last)."""


@dataclass(frozen=True, eq=False)
class ScaledByCluster(Calibration):
    """Logits are divided by the temperature of the image's cluster: the one that its feature has most weight in.

    With `soft`, by the mean of all temperatures, weighted: by one over the distance from each centre, or by the
    posterior of a mixture.
    """

    clusters: Centres | Mixture
    temperatures: Temperatures
    soft: bool
    keeps_argmax: ClassVar[bool] = True

    def __post_init__(self) -> None:
        t = self.temperatures
        if t.ndim != 2 or len(t) != len(self.clusters) or not t.size or not (t > 0).all():
            raise ValueError("there is no temperature above 0 for each cluster")
        check_range(t)

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
        notes, several = range_notes(self.temperatures), len(self.temperatures) > 1
        if several and not np.ptp(self.clusters.centres, axis=0).any():
            notes.append("all images have the same feature, so it cannot tell them apart")
        elif several and not np.ptp(self.temperatures, axis=0).any():
            notes.append("most clusters hold no image, so all have the same temperature, as without clusters")
        return notes

    def parameters(self) -> dict[str, Any]:
        """Return the clusters' arrays, the temperatures, and whether they are mixed."""
        return {**asdict(self.clusters), "temperatures": self.temperatures, "soft": self.soft}


@dataclass(frozen=True)
class ClusterTemperature(Calibrator):
    """One temperature for each cluster of similar images: content-dependent calibration (de Jorge et al., CVPR 2023).

    Features are the pooled deepest feature map; `clusters` is kmeans or mixture. `k` is a number, or "all": each
    calibration image its own cluster. 1/T of a cluster is shrunk towards that of all pixels, as if `shrinkage` of these
    were among the cluster's own. `k=1` is `ts`. Clusters depend on luck: where no `seed` is given it is fitted with 42
    and with 43. It cannot be fitted where an image has no feature, or with more clusters than images.
    """

    needs_feature: ClassVar[bool] = True
    k: int | str = 8
    clusters: str = "kmeans"
    soft: bool = False
    per_class: bool = False
    shrinkage: float = 10_000.0
    seed: int = 42

    def __post_init__(self) -> None:
        require(self.k == "all" or is_natural(self.k, 1), "cluster_ts", "k", self.k, "a number from 1, or all")
        kinds = ["kmeans"] if self.k == "all" else list(_KINDS)
        need = f"{' or '.join(kinds)}{' with k=all' * (self.k == 'all')}"
        require(self.clusters in kinds, "cluster_ts", "clusters", self.clusters, need)
        for key in ("soft", "per_class"):
            require_flag("cluster_ts", key, getattr(self, key))
        require(is_amount(self.shrinkage), "cluster_ts", "shrinkage", self.shrinkage, "a number of pixels from 0")
        object.__setattr__(self, "shrinkage", float(self.shrinkage))
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
        everywhere = fit_inverse_temperature(sample)
        classes = columns if self.per_class else 1

        def group(logits: PixelLogits, images: PixelIndices) -> PixelIndices:
            cluster = of_image[images]
            return cluster * classes + logits.argmax(axis=1) if self.per_class else cluster

        groups = len(clusters) * classes
        by_group, counts = fit_inverse_temperatures(
            lambda: sample.blocks_with_groups(group), groups, sample.training.threads
        )
        temperatures = 1 / shrink(by_group, everywhere, counts, self.shrinkage)
        return ScaledByCluster(clusters, temperatures.reshape(len(clusters), classes), self.soft)

    def restore(self, parameters: dict[str, Any]) -> ScaledByCluster:
        """Return the calibration with these clusters and temperatures."""
        arrays = {k: np.asarray(v, np.float64) for k, v in parameters.items() if k != "soft"}
        temperatures = arrays.pop("temperatures")
        return ScaledByCluster(_KINDS[self.clusters](**arrays), temperatures, bool(parameters["soft"]))

    def _clusters(self, features: Features, ids: list[str]) -> tuple[Centres | Mixture, PixelIndices]:
        """Return the clusters, and that of each image."""
        n = len(features)
        if self.k == "all":
            return Centres.at_images(features), np.arange(n)
        if int(self.k) > n:
            raise CalibrationError(
                f"cluster_ts: {self.k} clusters, but only {count_text(n, 'image')}; give k={n} or less, or more images"
            )
        order = sorted(range(n), key=lambda i: ids[i])  # starts are drawn from images: their order must not matter
        clusters = _KINDS[self.clusters].fit(features[order], int(self.k), self.seed)
        return clusters, clusters.weights(features).argmax(axis=1)


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
