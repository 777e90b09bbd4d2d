"""Methods that change logits otherwise: affine maps, mixtures, and another confidence of the top class."""

import math

import numpy as np
import torch
from torch import Tensor

from reliseg.calibration.fitting.affine_by_class import AffineByClass
from reliseg.calibration.fitting.top_label import HIGHEST_CONFIDENCE, LEAD
from reliseg.calibration.methods.ensemble_ts import ScaledEnsemble
from reliseg.deploy.heads.base import Extras, HeadMethod, without_top
from reliseg.types import Float, Int


class Affine(HeadMethod):
    """Logits, or their log probabilities, times a matrix, or times a number for each column; then a bias."""

    keeps_argmax = False
    weights: Tensor
    biases: Tensor

    def __init__(self, weights: Float[np.ndarray, "..."], biases: Float[np.ndarray, " l"]) -> None:
        super().__init__()
        self.register_buffer("weights", torch.tensor(weights, dtype=torch.float32))
        self.register_buffer("biases", torch.tensor(biases, dtype=torch.float32))

    def forward(
        self, z: Float[Tensor, "n l H W"], top: Int[Tensor, "n 1 H W"], extras: Extras
    ) -> Float[Tensor, "n l H W"]:
        """Return mapped logits: a matrix reads log probabilities."""
        if self.weights.ndim == 1:
            return z * self.weights.view(1, -1, 1, 1) + self.biases.view(1, -1, 1, 1)
        return torch.nn.functional.conv2d(z.log_softmax(dim=1), self.weights[:, :, None, None], self.biases)


class AffinePerClass(HeadMethod):
    """An affine map of log probabilities for each predicted class, as `cms`, `cms_ap` and `cms_op` fit it."""

    maps: Tensor
    shifts: Tensor

    def __init__(self, calibration: AffineByClass) -> None:
        super().__init__()
        self.keeps_argmax, self.ordering = calibration.keeps_argmax, calibration.form.ordering
        c = len(calibration.live)
        encode, decode = calibration.form.encode(c), calibration.form.decode(c)
        maps = np.repeat((np.eye(c) / calibration.temperature)[None], c, axis=0)
        shifts = np.zeros((c, c))
        for column, weights, biases in zip(calibration.predicted, calibration.weights, calibration.biases, strict=True):
            place = calibration.live.index(column)
            maps[place] = decode @ np.array(weights).reshape(len(encode), len(encode)) @ encode
            shifts[place] = decode @ np.array(biases)
        self.register_buffer("maps", torch.tensor(maps, dtype=torch.float32))
        self.register_buffer("shifts", torch.tensor(shifts, dtype=torch.float32))

    def forward(
        self, z: Float[Tensor, "n l H W"], top: Int[Tensor, "n 1 H W"], extras: Extras
    ) -> Float[Tensor, "n l H W"]:
        """Return mapped log probabilities; each map is applied to the pixels of its class alone."""
        n, columns, height, width = z.shape
        pixels = z.log_softmax(dim=1).permute(0, 2, 3, 1).reshape(-1, columns)
        tops = top.reshape(-1)
        order = self._order(z.permute(0, 2, 3, 1).reshape(-1, columns), tops)
        ordered = pixels.gather(1, order)
        mapped = self._mapped(ordered, tops)
        if self.ordering == "rank":
            mapped = _least_so_far(mapped)
        scores = torch.zeros_like(mapped).scatter(1, order, mapped)
        return scores.reshape(n, height, width, columns).permute(0, 3, 1, 2)

    def _mapped(self, ordered: Float[Tensor, "p l"], tops: Int[Tensor, " p"]) -> Float[Tensor, "p l"]:
        """Return each pixel under the map of its class."""
        mapped = torch.zeros_like(ordered)
        for place in range(ordered.shape[1]):
            if torch.compiler.is_compiling():  # a graph cannot take some pixels, as their number is not known
                of_all = ordered @ self.maps[place].T + self.shifts[place]
                mapped = torch.where((tops == place)[:, None], of_all, mapped)
            else:
                here = (tops == place).nonzero()[:, 0]
                mapped[here] = ordered[here] @ self.maps[place].T + self.shifts[place]
        return mapped

    def _order(self, pixels: Float[Tensor, "p l"], tops: Int[Tensor, " p"]) -> Int[Tensor, "p l"]:
        """Return the columns of each pixel in the order in which maps read them."""
        places = torch.arange(pixels.shape[1], device=pixels.device).expand_as(pixels)
        if self.ordering == "class":
            return places
        if self.ordering == "rank":
            if torch.compiler.is_compiling():  # ONNX sorts by it, equal ones in their order
                return pixels.topk(pixels.shape[1], dim=1).indices
            return pixels.argsort(dim=1, descending=True, stable=True)
        behind = places[:, 1:] - (places[:, 1:] <= tops[:, None]).long()
        return torch.cat([tops[:, None], behind], dim=1)


def _least_so_far(x: Float[Tensor, "p l"]) -> Float[Tensor, "p l"]:
    """Return the least value of each row up to each column. ONNX has no operator for it."""
    columns = [x[:, 0]]
    for place in range(1, x.shape[1]):
        columns.append(torch.minimum(columns[-1], x[:, place]))
    return torch.stack(columns, dim=1)


class MixedTemperatures(HeadMethod):
    """A mean of scaled, unscaled and uniform probabilities."""

    def __init__(self, calibration: ScaledEnsemble) -> None:
        super().__init__()
        self.inverse_temperature, self.weights = 1 / calibration.temperature, calibration.weights

    def forward(
        self, z: Float[Tensor, "n l H W"], top: Int[Tensor, "n 1 H W"], extras: Extras
    ) -> Float[Tensor, "n l H W"]:
        """Return the logs of the mixed probabilities."""
        uniform = torch.full_like(z, -math.log(z.shape[1]))
        parts = ((z * self.inverse_temperature).log_softmax(dim=1), z.log_softmax(dim=1), uniform)
        mixed = [p + math.log(w) for p, w in zip(parts, self.weights, strict=True) if w > 0]
        return torch.stack(mixed).logsumexp(dim=0)


class TopConfidence(HeadMethod):
    """Another confidence of the top class, read off a line in pieces; the others keep their proportions.

    `line` is as `fitting.top_label.piecewise_line` makes it: the end, origin, start and slope of each piece.
    """

    line: Tensor

    def __init__(self, line: Float[np.ndarray, "4 k"]) -> None:
        super().__init__()
        self.register_buffer("line", torch.tensor(line, dtype=torch.float64))

    def forward(
        self, z: Float[Tensor, "n l H W"], top: Int[Tensor, "n 1 H W"], extras: Extras
    ) -> Float[Tensor, "n l H W"]:
        """Return log probabilities, computed in float64: confidences near 1 are told apart."""
        z = z.double()
        rest = without_top(z - z.gather(1, top), top, -math.inf)
        log_odds = rest.logsumexp(dim=1, keepdim=True)
        p = 1 / (1 + log_odds.exp())
        share = (rest.amax(dim=1, keepdim=True) - log_odds + LEAD).exp()
        q = torch.maximum(self._read(p), share / (1 + share)).clamp(max=HIGHEST_CONFIDENCE)
        others = rest - log_odds + torch.log1p(-q)
        columns = torch.arange(z.shape[1], device=z.device).view(1, -1, 1, 1)
        return torch.where(columns == top, q.log(), others).float()

    def _read(self, p: Float[Tensor, "n 1 H W"]) -> Float[Tensor, "n 1 H W"]:
        """Return the line at these confidences. Pieces are found by halving, as their number is a power of two."""
        ends, origins, starts, slopes = self.line
        piece, step = torch.zeros_like(p, dtype=torch.long), self.line.shape[1] // 2
        while step:
            piece = torch.where(p > ends[piece + step - 1], piece + step, piece)
            step //= 2
        return starts[piece] + slopes[piece] * (p - origins[piece])
