"""Content-dependent calibration: a temperature for each cluster of images."""

from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar, TypeAlias

import numpy as np
from jaxtyping import Float64

from reliseg.calibration.base import Calibration, Calibrator
from reliseg.calibration.fitting.clusters import Centres, Features, Mixture
from reliseg.calibration.fitting.columns import check_columns, inspect_columns
from reliseg.calibration.fitting.inverse_temperature import check_range, end_notes, fit_inverse_temperatures, shrunk
from reliseg.calibration.parameters import is_amount, is_natural, required
from reliseg.calibration.sample import CalibrationSample, Groups, Logits
from reliseg.errors import CalibrationError
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
        """The prediction, divided by the temperatures of its image; a CalibrationError where it has no feature."""
        if prediction.feature is None:
            raise CalibrationError("the prediction has no feature, which cluster_ts needs; give the model one")
        known = self.clusters.centres.shape[1]
        if len(prediction.feature) != known or not np.isfinite(prediction.feature).all():
            raise CalibrationError(f"the feature is not {known} finite numbers, which cluster_ts was fitted on")
        if self.temperatures.shape[1] > 1:
            check_columns("cluster_ts", self.temperatures.shape[1], prediction.columns)
        weights = self.clusters.weights(np.asarray(prediction.feature, np.float64)[None])[0]
        temperatures = weights @ self.temperatures if self.soft else self.temperatures[int(weights.argmax())]
        slopes = np.broadcast_to(1 / temperatures, (prediction.columns,)).copy()
        return replace(prediction, inverse_temperatures=slopes)

    def notes(self) -> list[str]:
        """Whether temperatures stand at the end of their range, and whether the images are told apart at all."""
        notes, several = end_notes(self.temperatures), len(self.temperatures) > 1
        if several and not np.ptp(self.clusters.centres, axis=0).any():
            notes.append("all images have the same feature: it tells none from another")
        elif several and not np.ptp(self.temperatures, axis=0).any():
            notes.append("all clusters have one temperature, as without clusters: most of them hold no image")
        return notes

    def parameters(self) -> dict[str, Any]:
        """The clusters' arrays, the temperatures, and whether they are mixed."""
        return {**asdict(self.clusters), "temperatures": self.temperatures, "soft": self.soft}


@dataclass(frozen=True)
class ClusterTemperature(Calibrator):
    """One temperature for each cluster of similar images: content-dependent calibration (de Jorge et al., CVPR 2023).

    Features are the pooled deepest feature map; `clusters` is kmeans or mixture. `k` is a number, or "all": each
    calibration image its own cluster. 1/T of a cluster is drawn towards the global 1/T by `shrinkage` pixels' worth of
    it. `k=1` is `ts`. Clusters depend on luck: where no `seed` is given it is fitted with 42 and with 43.
    """

    needs_feature: ClassVar[bool] = True
    k: int | str = 8
    clusters: str = "kmeans"
    soft: bool = False
    per_class: bool = False
    shrinkage: float = 10_000.0
    seed: int = 42

    def __post_init__(self) -> None:
        required(self.k == "all" or is_natural(self.k, 1), "cluster_ts", "k", self.k, "a number from 1, or all")
        kinds = ["kmeans"] if self.k == "all" else list(_KINDS)
        need = f"{' or '.join(kinds)}{' with k=all' * (self.k == 'all')}"
        required(self.clusters in kinds, "cluster_ts", "clusters", self.clusters, need)
        for key in ("soft", "per_class"):
            value = getattr(self, key)
            required(isinstance(value, bool), "cluster_ts", key, value, "true or false")
        required(is_amount(self.shrinkage), "cluster_ts", "shrinkage", self.shrinkage, "a number of pixels from 0")
        object.__setattr__(self, "shrinkage", float(self.shrinkage))
        seeds = is_natural(self.seed) and self.seed < 1 << 32
        required(seeds, "cluster_ts", "seed", self.seed, "a number from 0, below 2**32")

    @property
    def least_images(self) -> int:
        """One for each cluster."""
        return 1 if self.k == "all" else int(self.k)

    def usual_seeds(self) -> tuple[int, ...]:
        """Two (the study's first), where clusters depend on them."""
        return () if self.k in (1, "all") else (42, 43)

    def fit(self, sample: CalibrationSample) -> ScaledByCluster:
        """The clusters and their temperatures."""
        columns = len(inspect_columns(sample, "cluster_ts").live)
        clusters, of_image = self._clusters(_features(sample), [image.id for image in sample.images])
        everywhere, _ = fit_inverse_temperatures(sample.grouped, 1)
        classes = columns if self.per_class else 1

        def group(logits: Logits, images: Groups) -> Groups:
            cluster = of_image[images]
            return cluster * classes + logits.argmax(axis=1) if self.per_class else cluster

        slopes, counts = fit_inverse_temperatures(lambda: sample.grouped(group), len(clusters) * classes)
        temperatures = 1 / shrunk(slopes, float(everywhere[0]), counts, self.shrinkage)
        return ScaledByCluster(clusters, temperatures.reshape(len(clusters), classes), self.soft)

    def restore(self, parameters: dict[str, Any]) -> ScaledByCluster:
        """The calibration with these clusters and temperatures."""
        arrays = {k: np.asarray(v, np.float64) for k, v in parameters.items() if k != "soft"}
        temperatures = arrays.pop("temperatures")
        return ScaledByCluster(_KINDS[self.clusters](**arrays), temperatures, bool(parameters["soft"]))

    def _clusters(self, features: Features, ids: list[str]) -> tuple[Centres | Mixture, Groups]:
        """The clusters, and that of each image."""
        n = len(features)
        if self.k == "all":
            return Centres.of_each(features), np.arange(n)
        if int(self.k) > n:
            raise CalibrationError(f"cluster_ts: {self.k} clusters of {n} images; give k={n} or less, or more images")
        order = sorted(range(n), key=lambda i: ids[i])  # starts are drawn from images: their order must not matter
        found = _KINDS[self.clusters].fitted(features[order], int(self.k), self.seed)
        return found, found.weights(features).argmax(axis=1)


def _features(sample: CalibrationSample) -> Features:
    """The features of all images."""
    missing = [image.id for image in sample.images if image.feature is None]
    if missing or not sample.images:
        first = f" (first: {missing[0]})" if missing else ""
        raise CalibrationError(f"cluster_ts: {len(missing)} predictions have no feature{first}; the model gives none")
    length = max(1, len(sample.images[0].feature or ()))
    unfit = [i.id for i in sample.images if len(i.feature or ()) != length or not np.isfinite(i.feature or ()).all()]
    if unfit:
        raise CalibrationError(f"cluster_ts: {len(unfit)} features are not {length} finite numbers (first: {unfit[0]})")
    return np.array([image.feature for image in sample.images], np.float64)
