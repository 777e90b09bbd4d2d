"""The calibrated end of a network as a module of torch: from its logits to classes, confidence and acceptance."""

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from reliseg.calibration import Calibration, Unchanged
from reliseg.calibration.fitting.affine_by_class import AffineByClass
from reliseg.calibration.methods.class_ts import ScaledByClass
from reliseg.calibration.methods.cluster_ts import ScaledByCluster
from reliseg.calibration.methods.dirichlet import DirichletMap
from reliseg.calibration.methods.ensemble_ts import ScaledEnsemble
from reliseg.calibration.methods.histogram import Binned
from reliseg.calibration.methods.isotonic import Monotone
from reliseg.calibration.methods.lts import ScaledLocally
from reliseg.calibration.methods.selective import ScaledSelectively
from reliseg.calibration.methods.ts import Scaled
from reliseg.calibration.methods.vector import ScaledVector
from reliseg.deploy.acceptance import Acceptance
from reliseg.deploy.heads.base import (
    Extras,
    Factor,
    HeadMethod,
    Scaling,
    log_probabilities,
    scaled_below,
    taken,
    top_of,
    without_top,
)
from reliseg.deploy.heads.temperatures import ClusterFactor, LocalFactor, SelectiveFactor
from reliseg.deploy.heads.transforms import Affine, AffinePerClass, MixedTemperatures, TopConfidence
from reliseg.errors import ConfigError, ModelError, shape_text
from reliseg.kernels.maps import OTHER_ID
from reliseg.types import Bool, Float, Int, UInt8

Live: TypeAlias = Int[np.ndarray, " l"]
"""The columns that some class of the model goes to."""


class HeadSteps(NamedTuple):
    """What a head does to logits."""

    groups: tuple[int, ...]
    """The class of the data set that each class of the model goes to, or -1."""
    classes: int
    """Of the data set."""
    align_corners: bool
    of_probabilities: bool
    calibration: Calibration
    acceptance: Acceptance


class HeadOutput(NamedTuple):
    """Maps of a batch."""

    classes: UInt8[Tensor, "n H W"]
    """Ids of the data set's classes; 255 for a class that it does not have."""
    confidence: Float[Tensor, "n H W"]
    accepted: Bool[Tensor, "n H W"] | None
    """None where the predictor has no threshold."""


class Head(nn.Module):
    """Logits of a network -> calibrated classes, confidence and acceptance, at the size of the image.

    It brings logits to the size of the image, then to the classes of the data set, calibrates them, and decides: what a
    run does, in float32. It has no trained parameters; its numbers are buffers, which move with `head.to(device)`.
    """

    live: Tensor

    def __init__(self, steps: HeadSteps) -> None:
        super().__init__()
        groups = np.where(np.array(steps.groups) < 0, steps.classes, steps.groups)
        live = np.unique(groups)
        ids = np.where(live == steps.classes, OTHER_ID, live)
        self.members = [np.flatnonzero(groups == column).tolist() for column in live]
        self.align_corners, self.of_probabilities = steps.align_corners, steps.of_probabilities
        self.register_buffer("live", torch.tensor(ids, dtype=torch.uint8))
        self.method = method_of(steps.calibration, live)
        if steps.acceptance.score != "msp":
            raise ConfigError(f"a head accepts pixels by msp, and this predictor does by {steps.acceptance.score}")
        self.odds = steps.acceptance.coordinate
        self.eval()

    def forward(
        self,
        logits: Float[Tensor, "n c h w"],
        size: tuple[int, int] | None = None,
        feature: Float[Tensor, "n f"] | None = None,
        image: UInt8[Tensor, "n 3 H W"] | None = None,
    ) -> HeadOutput:
        """Return the maps of a batch of logits, at `size` (height, width), by default their own.

        `feature` is what `cluster_ts` reads, the pooled output of the layer that the run names; `image` what `lts`
        reads, 8-bit RGB at the size of the result. Of a model that gives probabilities, give these in the place of
        logits.
        """
        with torch.no_grad():
            return self.of_native(logits, size, Extras(feature, image))

    def of_native(self, logits: Float[Tensor, "n c h w"], size: tuple[int, int] | None, extras: Extras) -> HeadOutput:
        """Return the maps of a batch of logits, or of probabilities, at the stride of the network."""
        is_linear = not self.of_probabilities and all(len(members) == 1 for members in self.members)
        if not is_linear or not isinstance(self.method, Scaling):
            return self.of_maps(self.upsample(logits, size), extras)
        factors = self.method.of_images(logits.shape[0], extras)
        if factors is None:
            return self.of_maps(self.upsample(logits, size), extras)
        z = self.project(self.upsample(logits, size, factors))
        top = top_of(z)
        return self.decide(z - z.gather(1, top), top)

    def of_maps(self, z: Float[Tensor, "n c H W"], extras: Extras) -> HeadOutput:
        """Return the maps of a batch of logits, or of logarithms of probabilities, at the size of the image."""
        z = self.project(z)
        top = top_of(z)
        if isinstance(self.method, Scaling):
            return self.decide(scaled_below(z, z.gather(1, top), self.method.factors(z, top, extras)), top)
        z = self.method(z, top, extras)
        top = top if self.method.keeps_argmax else top_of(z)
        return self.decide((z - z.gather(1, top)).clamp(max=0), top)  # rounding may put another one on top

    def upsample(
        self,
        logits: Float[Tensor, "n c h w"],
        size: tuple[int, int] | None,
        factors: Float[Tensor, "..."] | None = None,
    ) -> Float[Tensor, "n c H W"]:
        """Return the logits, times factors, at the size of the image; a ModelError where they are not the model's."""
        classes = sum(map(len, self.members))
        if logits.ndim != 4 or logits.shape[1] != classes:
            raise ModelError(
                f"logits of {shape_text(logits.shape)}; the head of this model takes N x {classes} x h x w"
            )
        z = logits.float() if factors is None else logits.float() * factors
        if size is not None and tuple(size) != tuple(z.shape[2:]):
            z = interpolate(z, tuple(size), mode="bilinear", align_corners=self.align_corners)
        return log_probabilities(z) if self.of_probabilities else z

    def project(self, z: Float[Tensor, "n c H W"]) -> Float[Tensor, "n l H W"]:
        """Return the logits of the data set's classes: the logsumexp of those that meet."""
        if all(len(members) == 1 for members in self.members):
            order = [member for (member,) in self.members]
            return z if order == list(range(z.shape[1])) else z[:, order]
        return torch.stack([z[:, m].logsumexp(dim=1) if len(m) > 1 else z[:, m[0]] for m in self.members], dim=1)

    def decide(self, below: Float[Tensor, "n l H W"], top: Int[Tensor, "n 1 H W"]) -> HeadOutput:
        """Return the maps of calibrated logits with this top column, whose own logits are taken from all."""
        odds = without_top(below, top, -math.inf).exp().sum(dim=1)
        accepted = None if self.odds is None else odds < self.odds
        return HeadOutput(taken(self.live, top)[:, 0], 1 / (1 + odds), accepted)


def method_of(calibration: Calibration, live: Live) -> HeadMethod:
    """Return the form in torch of a calibration; a ConfigError for one of another package."""
    for kind, build in _METHODS.items():
        if isinstance(calibration, kind):
            return build(calibration, live)
    name = type(calibration).__name__
    raise ConfigError(f"{name} has no form in torch; call the predictor itself, which applies any calibration")


def _scaled(calibration: Scaled, live: Live) -> HeadMethod:
    return Factor(torch.tensor(1 / calibration.temperature))


def _scaled_by_class(calibration: ScaledByClass, live: Live) -> HeadMethod:
    return Factor(1 / torch.tensor(np.array(calibration.temperatures)[live]))


def _scaled_locally(calibration: ScaledLocally, live: Live) -> HeadMethod:
    if not len(calibration.logit_bias) and not len(calibration.image_bias):
        return _scaled(Scaled(calibration.temperature), live)
    return LocalFactor(calibration)


def _vector(calibration: ScaledVector, live: Live) -> HeadMethod:
    return Affine(np.array(calibration.scales)[live], np.array(calibration.biases)[live])


def _dirichlet(calibration: DirichletMap, live: Live) -> HeadMethod:
    return Affine(np.array(calibration.weights)[np.ix_(live, live)], np.array(calibration.biases)[live])


_METHODS: Mapping[type[Calibration], Callable[[Any, Live], HeadMethod]] = {
    Unchanged: lambda calibration, live: Scaling(),
    Scaled: _scaled,
    ScaledByClass: _scaled_by_class,
    ScaledByCluster: ClusterFactor,
    ScaledLocally: _scaled_locally,
    ScaledSelectively: lambda calibration, live: SelectiveFactor(calibration),
    ScaledVector: _vector,
    DirichletMap: _dirichlet,
    AffineByClass: lambda calibration, live: AffinePerClass(calibration),
    ScaledEnsemble: lambda calibration, live: MixedTemperatures(calibration),
    Binned: lambda calibration, live: TopConfidence(calibration.line()),
    Monotone: lambda calibration, live: TopConfidence(calibration.line()),
}
