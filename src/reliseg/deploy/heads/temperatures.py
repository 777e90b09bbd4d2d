"""Methods that divide logits by a temperature: of all pixels, of a class, of an image, of a pixel."""

import numpy as np
import torch
from torch import Tensor

from reliseg.calibration.fitting.clusters import Centres, Mixture
from reliseg.calibration.fitting.lts_network import REACH, TreeTensors, inverse_temperatures, reflect
from reliseg.calibration.methods.cluster_ts import ScaledByCluster
from reliseg.calibration.methods.lts import ScaledLocally
from reliseg.calibration.methods.selective import LOWEST, SORTED, ScaledSelectively
from reliseg.deploy.heads.base import Extras, Scaling, taken
from reliseg.errors import CalibrationError, shape_text
from reliseg.types import Float, Int


class ClusterFactor(Scaling):
    """The temperature of each image's cluster, or a mean of all, by its feature; in float64, as clusters are found."""

    centres: Tensor
    temperatures: Tensor

    def __init__(self, calibration: ScaledByCluster, live: Int[np.ndarray, " l"]) -> None:
        super().__init__()
        clusters = calibration.clusters
        table = calibration.temperatures
        columns = np.ascontiguousarray(table[:, live] if table.shape[1] > 1 else table)
        self.soft, self.scale = calibration.soft, clusters.features if isinstance(clusters, Centres) else ""
        self.register_buffer("centres", torch.tensor(clusters.centres, dtype=torch.float64))
        self.register_buffer("temperatures", torch.tensor(columns, dtype=torch.float64))
        if isinstance(clusters, Mixture):
            with np.errstate(divide="ignore"):
                shares = np.log(clusters.shares)
            diagonal = np.log(np.diagonal(clusters.factors, axis1=1, axis2=2)).sum(axis=1)
            self.register_buffer("whitening", torch.tensor(clusters.factors, dtype=torch.float64))
            self.register_buffer("shares", torch.tensor(shares + diagonal, dtype=torch.float64))

    def factors(self, z: Float[Tensor, "n l H W"], top: Int[Tensor, "n 1 H W"], extras: Extras) -> Float[Tensor, "..."]:
        """Return that of the image, or of its predicted columns; a CalibrationError where images have no feature."""
        images, factors = z.shape[0], self._by_image(z.shape[0], extras)
        if factors.shape[1] == 1:
            return factors[:, :, None, None]
        first = torch.arange(images, device=z.device) * factors.shape[1]
        return taken(factors.flatten(), top + first.view(-1, 1, 1, 1))

    def of_images(self, images: int, extras: Extras) -> Float[Tensor, "..."] | None:
        """Return that of each image, where its columns have one."""
        return self._by_image(images, extras)[:, :, None, None] if self.temperatures.shape[1] == 1 else None

    def _by_image(self, images: int, extras: Extras) -> Float[Tensor, "n l"]:
        """Return 1/T of each image, for all columns or for each. `images` is no len(), which a graph would keep."""
        feature = extras.feature
        if feature is None:
            raise CalibrationError("cluster_ts needs the feature of each image; call the head with feature=..")
        known = self.centres.shape[1]
        if tuple(feature.shape) != (images, known):
            raise CalibrationError(
                f"the feature must be {known} numbers for each of {images} images, and is of "
                f"{' x '.join(map(str, feature.shape))}"
            )
        weights = self._weights(feature.double())
        temperatures = weights @ self.temperatures if self.soft else self.temperatures[weights.argmax(dim=1)]
        return (1 / temperatures).float()

    def _weights(self, feature: Float[Tensor, "n f"]) -> Float[Tensor, "n k"]:
        """Return how much of each image is in each cluster."""
        if self.scale:
            sizes = feature.norm(dim=1) if self.scale == "l2" else feature.amax(dim=1)
            distances = ((_divided(feature, sizes)[:, None] - self.centres) ** 2).sum(dim=2).sqrt()
            weights = 1 / (distances + 1e-6)
            return weights / weights.sum(dim=1, keepdim=True)
        x = _divided(feature, feature.abs().amax(dim=1))[:, None] - self.centres
        whitened = torch.einsum("nkf,kfg->nkg", x, self.get_buffer("whitening"))
        return (self.get_buffer("shares") - 0.5 * (whitened**2).sum(dim=2)).softmax(dim=1)


class LocalFactor(Scaling):
    """A temperature for each pixel from the tree of convolutions of `lts`."""

    def __init__(self, calibration: ScaledLocally) -> None:
        super().__init__()
        for name in TreeTensors._fields:
            self.register_buffer(name, torch.tensor(getattr(calibration, name)))

    def factors(
        self, z: Float[Tensor, "n l H W"], top: Int[Tensor, "n 1 H W"], extras: Extras
    ) -> Float[Tensor, "n 1 H W"]:
        """Return that of each pixel; a CalibrationError where the tree reads images and has none of this size."""
        tree = TreeTensors(*(self.get_buffer(name) for name in TreeTensors._fields))
        image = None
        if len(tree.image_bias):
            if extras.image is None or extras.image.shape[2:] != z.shape[2:]:
                raise CalibrationError("lts reads the image, at the size of the result; call the head with image=..")
            if extras.image.dtype != torch.uint8 or extras.image.ndim != 4 or extras.image.shape[1] != 3:
                given = f"{shape_text(extras.image.shape)} of {extras.image.dtype}"
                raise CalibrationError(
                    f"lts reads 8-bit RGB, images x 3 x height x width of uint8, and was given {given}"
                )
            image = _with_margin(extras.image.float() / 127.5 - 1)
        return inverse_temperatures(tree, _with_margin(z), image)[:, None]


class SelectiveFactor(Scaling):
    """One temperature for pixels that a small classifier calls wrong, another one for the others."""

    hidden: Tensor
    bias: Tensor
    last: Tensor

    def __init__(self, calibration: ScaledSelectively) -> None:
        super().__init__()
        scale = calibration.scale.astype(np.float64)
        weights = calibration.hidden[:, :-1] / scale
        bias = calibration.hidden[:, -1] - weights @ calibration.centre
        self.register_buffer("hidden", torch.tensor(weights, dtype=torch.float32)[:, :, None, None])
        self.register_buffer("bias", torch.tensor(bias, dtype=torch.float32))
        self.register_buffer("last", torch.tensor(calibration.last))
        self.wrong, self.right = 1 / calibration.wrong, 1 / calibration.right

    def factors(
        self, z: Float[Tensor, "n l H W"], top: Int[Tensor, "n 1 H W"], extras: Extras
    ) -> Float[Tensor, "n 1 H W"]:
        """Return one of the two for each pixel."""
        p = z.log_softmax(dim=1).clamp(min=LOWEST)
        features = torch.cat([p, p.topk(min(SORTED, p.shape[1]), dim=1).values], dim=1)
        units = torch.nn.functional.conv2d(features, self.hidden, self.bias).relu()
        output = (units * self.last[:-1].view(1, -1, 1, 1)).sum(dim=1, keepdim=True) + self.last[-1]
        return torch.where(output > 0, self.wrong, self.right)


def _divided(feature: Float[Tensor, "n f"], sizes: Float[Tensor, " n"]) -> Float[Tensor, "n f"]:
    """Return the features divided by their sizes; one of size 0 stays."""
    return feature / torch.where(sizes == 0, torch.ones_like(sizes), sizes)[:, None]


def _with_margin(x: Float[Tensor, "n c H W"]) -> Float[Tensor, "n c h w"]:
    """Return maps with the margin that convolutions reach into, reflected at the borders."""
    if min(x.shape[2:]) > REACH:
        return torch.nn.functional.pad(x, (REACH, REACH, REACH, REACH), mode="reflect")
    for axis in (2, 3):
        places = reflect(-REACH, x.shape[axis] + REACH, x.shape[axis])
        x = x.index_select(axis, torch.tensor(places, device=x.device))
    return x
