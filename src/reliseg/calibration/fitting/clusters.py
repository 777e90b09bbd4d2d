"""Clusters of images by their features: fitted by scikit-learn, applied without it."""

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

import numpy as np
from threadpoolctl import threadpool_limits

from reliseg.errors import MissingExtraError
from reliseg.types import Float64

_BATCH = 2048
_STARTS = 5
_STEPS = 10_000
_WIDTH = 1.25
"""Added to every variance of a mixture (the study's): a component never narrows to a few images, or to none."""
_NEAREST = 1e-6
"""Added to distances, of which weights are the inverse: that of an image on a centre would be infinite."""

Features: TypeAlias = Float64[np.ndarray, "n f"]
Weights: TypeAlias = Float64[np.ndarray, "n k"]


@dataclass(frozen=True, eq=False)
class Centres:
    """Clusters around centres, of features that are scaled first, as `SCALES` names it."""

    centres: Float64[np.ndarray, "k f"]
    features: str = "l2"

    @classmethod
    def fit(cls, features: Features, clusters: int, seed: int, scale: str = "l2") -> "Centres":
        """Fit clusters by k-means in batches, the best of five starts; the mean where there is one cluster."""
        features = SCALES[scale](features)
        if clusters == 1:
            return cls(features.mean(axis=0, keepdims=True), scale)
        with _import_scikit_learn():
            from sklearn.cluster import MiniBatchKMeans

            means = MiniBatchKMeans(clusters, batch_size=_BATCH, n_init=_STARTS, random_state=seed).fit(features)
        return cls(means.cluster_centers_.astype(np.float64), scale)

    @classmethod
    def at_images(cls, features: Features, scale: str = "l2") -> "Centres":
        """Return a cluster for each image, around its feature."""
        return cls(SCALES[scale](features), scale)

    def parameters(self) -> dict[str, Any]:
        """Return the centres, and how features are scaled where that is not to length 1."""
        return {"centres": self.centres} | ({} if self.features == "l2" else {"features": self.features})

    def weights(self, features: Features) -> Weights:
        """Return one over the distance of each feature from each centre, scaled so that rows add up to 1."""
        distances = np.stack(
            [np.linalg.norm(self.centres - feature, axis=1) for feature in SCALES[self.features](features)]
        )
        weights = 1 / (distances + _NEAREST)
        return np.asarray(weights / weights.sum(axis=1, keepdims=True))

    def __len__(self) -> int:
        return len(self.centres)

    def __post_init__(self) -> None:
        if self.centres.ndim != 2 or not self.centres.size:
            raise ValueError("centres are not a table")
        if self.features not in SCALES:
            raise ValueError("features are scaled in a way that is not known")


@dataclass(frozen=True, eq=False)
class Mixture:
    """A Gaussian mixture with full covariances, of features whose largest entry is 1.

    That is the study's scale, which the width added to variances belongs to: among features at length 1 it would blur
    all components into one. `factors` are upper triangular: the inverse of each covariance is `factor @ factor.T`.
    """

    shares: Float64[np.ndarray, " k"]
    centres: Float64[np.ndarray, "k f"]
    factors: Float64[np.ndarray, "k f f"]

    @classmethod
    def fit(cls, features: Features, clusters: int, seed: int) -> "Mixture":
        """Fit the likeliest mixture of five starts from k-means, each until it converges."""
        with _import_scikit_learn():
            from sklearn.exceptions import ConvergenceWarning
            from sklearn.mixture import GaussianMixture

            mixture = GaussianMixture(
                clusters, n_init=_STARTS, max_iter=_STEPS, reg_covar=_WIDTH, covariance_type="full", random_state=seed
            )
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)  # fewer distinct images than components
                mixture.fit(scale_to_largest_1(features))
        return cls(mixture.weights_, mixture.means_, mixture.precisions_cholesky_)

    def parameters(self) -> dict[str, Any]:
        """Return all its arrays."""
        return asdict(self)

    def weights(self, features: Features) -> Weights:
        """Return the posterior: the probability of each component given each feature; rows add up to 1."""
        x = scale_to_largest_1(features)
        with np.errstate(divide="ignore"):  # a component without a share has no probability
            logs = np.log(self.shares) + np.stack([self._log_density(x, k) for k in range(len(self))], axis=1)
        odds = np.exp(logs - logs.max(axis=1, keepdims=True))
        return np.asarray(odds / odds.sum(axis=1, keepdims=True))

    def _log_density(self, x: Features, k: int) -> Float64[np.ndarray, " n"]:
        """Return the log density of a component, less what all components have in common."""
        factor = self.factors[k]
        whitened = (x - self.centres[k]) @ factor
        return np.asarray(np.log(np.diagonal(factor)).sum() - 0.5 * (whitened**2).sum(axis=1))

    def __len__(self) -> int:
        return len(self.centres)

    def __post_init__(self) -> None:
        k, f = self.centres.shape if self.centres.ndim == 2 else (0, 0)
        if not k or self.shares.shape != (k,) or self.factors.shape != (k, f, f):
            raise ValueError("shares, centres and factors do not fit together")
        if (self.shares < 0).any() or abs(self.shares.sum() - 1) > 1e-6:
            raise ValueError("shares do not add up to 1")
        if not (np.diagonal(self.factors, axis1=1, axis2=2) > 0).all():
            raise ValueError("factors have no positive diagonal")


def scale_to_length_1(features: Features) -> Features:
    """Return each feature scaled to length 1; one of zeros stays as it is."""
    return _divide(features, np.linalg.norm(features, axis=1, keepdims=True))


def scale_to_largest_1(features: Features) -> Features:
    """Return each feature divided by its largest entry in magnitude; one of zeros stays as it is."""
    return _divide(features, np.abs(features).max(axis=1, keepdims=True))


def scale_to_maximum_1(features: Features) -> Features:
    """Return each feature divided by its maximum, whatever its sign; one with the maximum 0 stays as it is."""
    return _divide(features, features.max(axis=1, keepdims=True))


SCALES: Mapping[str, Callable[[Features], Features]] = {"l2": scale_to_length_1, "max": scale_to_maximum_1}
"""How features are scaled before k-means: to length 1, or, as in the study's scripts, by their maximum."""


def _divide(features: Features, sizes: Float64[np.ndarray, "n 1"]) -> Features:
    return np.asarray(np.divide(features, sizes, out=features.copy(), where=sizes != 0))


@contextmanager
def _import_scikit_learn() -> Iterator[None]:
    """Import scikit-learn and run it on one thread: the order of sums on several is luck."""
    try:
        import sklearn.cluster  # noqa: F401  # slow to import; threads of what is loaded later are not limited
    except ImportError as error:
        raise MissingExtraError("scikit-learn", "cluster", "cluster_ts") from error
    with threadpool_limits(1):
        yield
