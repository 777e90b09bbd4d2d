"""The network of `lts`, which gives a temperature for each pixel, and its training. Runs in torch."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import conv2d, softplus

from reliseg.calibration.fitting.columns import live_columns
from reliseg.calibration.fitting.inverse_temperature import LOWEST
from reliseg.calibration.sample import Training, WholeImage
from reliseg.errors import CalibrationError
from reliseg.labels import UNKNOWN
from reliseg.prediction import Prediction
from reliseg.runtime.torch_settings import select_device, training_settings
from reliseg.stats.view import source_positions
from reliseg.types import Factors, Float32, Int64, Truth

TAPS, _DILATION = 5, 2
REACH = _DILATION * (TAPS // 2)
"""How far the convolutions see: blocks have as many rows and columns more on each side."""
LEAVES = 4
"""Leaves on logits; the channels after them are gates."""
_PIXELS = 1 << 17
"""Pixels of a block: its logits and what gradients need of them are some ten megabytes."""
_START = 0.05
"""How far random weights move u, and the gates before their sigmoid, at the start: about so much."""
_NEAREST = 1e-3
_BATCH = 4
_PERIOD = 10
_PATIENCE = 3

Network: TypeAlias = Callable[[Tensor, Tensor | None], Tensor]
"""1/T of the pixels of a block from logits and image, both with a margin."""


@dataclass(frozen=True, eq=False)
class Tree:
    """T = softplus(u) + 0.05, u from 5 x 5 convolutions of dilation 2, images reflected at their borders.

    Channels on logits: four leaves, then gates g; `mix(g, a, b) = s a + (1 - s) b`, s the sigmoid of g. Leaves 0 and 1
    are mixed by gate 0, 2 and 3 by gate 1, those two by gate 2, and that with the image's leaf by gate 3. Without
    channels on logits u is the image's leaf, without that one there are three gates. Images are scaled to [-1, 1].
    """

    logit_weights: Float32[np.ndarray, "k l 5 5"]
    logit_bias: Float32[np.ndarray, " k"]
    image_weights: Float32[np.ndarray, "i 3 5 5"]
    image_bias: Float32[np.ndarray, " i"]

    @classmethod
    def random(
        cls, channels: tuple[int, int], columns: int, spread: float, temperature: float, generator: np.random.Generator
    ) -> "Tree":
        """Return channels on (logits, image) with small weights, for logits of this root mean square; T is about so."""
        of_logits, of_image = channels
        weights, bias = _draw_weights(generator, (of_logits, columns), _START / spread), np.zeros(of_logits, np.float32)
        u = np.float32(np.log(np.expm1(max(temperature - LOWEST, _NEAREST))))
        bias[:LEAVES] = u
        return cls(weights, bias, _draw_weights(generator, (of_image, 3), _START), np.full(of_image, u))


@dataclass(frozen=True)
class Schedule:
    """How long to train, how fast, and on images with values from -1 or from 0, to 1."""

    epochs: int
    rate: float
    image_from: int = -1


@dataclass(frozen=True)
class TrainingResult:
    """The best weights, None where none are better than one temperature; the held-out loss of that, and the best."""

    tree: Tree | None
    before: float
    after: float


def pixel_factors(tree: Tree, prediction: Prediction, pixels: int = _PIXELS) -> Factors:
    """Return 1/T of each pixel, on the CPU; nothing of the size classes x H x W is built."""
    network = _Network(tree, torch.device("cpu"))
    field = _PixelRows(prediction if len(tree.image_bias) else replace(prediction, image=None), torch.device("cpu"))
    factors = np.empty(prediction.size, np.float32)
    with torch.inference_mode():
        for rows in _row_blocks(prediction.size, pixels):
            factors[rows] = network(*field.rows(rows)).numpy()
    return factors


def live_labels(truth: Truth, live: Int64[np.ndarray, " l"]) -> Int64[np.ndarray, "H W"]:
    """Return the place of each pixel's label among live columns; -1 where the pixel does not count."""
    place = np.full(256, -1, np.int64)
    place[live] = np.arange(len(live))
    place[UNKNOWN:] = -1
    return place[np.asarray(truth)]


def train(
    start: Tree,
    temperature: float,
    *,
    images: Sequence[WholeImage],
    parts: tuple[Sequence[int], Sequence[int]],
    schedule: Schedule,
    training: Training,
    generator: np.random.Generator,
) -> TrainingResult:
    """Train by Adam on the negative log-likelihood of counted pixels, four images a step.

    `parts` are the places of the images to train on, and of those held out. These are measured every ten steps and at
    the end; after three epochs without gain it ends. The same input gives the same bytes on the same device.
    """
    learning, held_out = parts
    image_set = _ImageSet(images, select_device(training.device, "lts", CalibrationError))
    steps = -(-len(learning) // _BATCH)
    advance = training.stage("training lts", schedule.epochs * steps)
    with training_settings(training.threads):
        network = _Network(start, image_set.device, schedule.image_from)
        optimiser = torch.optim.Adam(network.parameters(), lr=schedule.rate)
        before = best = image_set.mean_loss(lambda z, image: z.new_full((), 1 / temperature), held_out)
        tree, step, last = None, 0, 0
        for _ in range(schedule.epochs):
            order = generator.permutation(len(learning))
            for first in range(0, len(order), _BATCH):
                optimiser.zero_grad()
                image_set.mean_loss(network, [learning[i] for i in order[first : first + _BATCH]], learn=True)
                optimiser.step()
                advance()
                step += 1
                if step % _PERIOD and step < schedule.epochs * steps:
                    continue
                loss = image_set.mean_loss(network, held_out)
                if loss < best:
                    tree, best, last = network.tree(), loss, step
                elif step - last >= _PATIENCE * steps:
                    return TrainingResult(tree, before, best)
    return TrainingResult(tree, before, best)


class TreeTensors(NamedTuple):
    """The weights of a tree on a device."""

    logit_weights: Tensor
    logit_bias: Tensor
    image_weights: Tensor
    image_bias: Tensor


def inverse_temperatures(tree: TreeTensors, z: Tensor, image: Tensor | None) -> Tensor:
    """Return 1/T of the pixels of a block, or of several, from its logits and image, both with a margin of `REACH`."""
    u = None
    if len(tree.image_bias):
        assert image is not None, "images were checked"
        u = _convolve(image, tree.image_weights, tree.image_bias)[0]
    if len(tree.logit_bias):
        channels = _convolve(z, tree.logit_weights, tree.logit_bias)
        leaves, gates = channels[:LEAVES], channels[LEAVES:].sigmoid()
        left = _mix(gates[0], leaves[0], leaves[1])
        right = _mix(gates[1], leaves[2], leaves[3])
        mixed = _mix(gates[2], left, right)
        u = mixed if u is None else _mix(gates[3], mixed, u)
    assert u is not None, "a tree has channels"
    return 1 / (softplus(u) + LOWEST)


class _Network:
    """A tree as tensors on a device: 1/T of the pixels of a block.

    Where `image_from` is 0, the weights that are trained are those for images in [0, 1]. What they give is the same on
    images in [-1, 1] with weights of half the size, and half their sum beside the bias: so are trees stored.
    """

    def __init__(self, tree: Tree, device: torch.device, image_from: int = -1) -> None:
        arrays = (tree.logit_weights, tree.logit_bias, tree.image_weights, tree.image_bias)
        self._tensors = [torch.tensor(a, device=device) for a in arrays]
        self._image_from = image_from

    def parameters(self) -> list[Tensor]:
        for tensor in self._tensors:
            tensor.requires_grad_()
        return [tensor for tensor in self._tensors if tensor.numel()]

    def tree(self) -> Tree:
        tensors = (*self._tensors[:2], *self._image_leaf())
        return Tree(*(tensor.detach().cpu().numpy().copy() for tensor in tensors))

    def _image_leaf(self) -> tuple[Tensor, Tensor]:
        """Return weights and bias of the image's leaf, for images in [-1, 1]."""
        weights, bias = self._tensors[2:]
        return (weights, bias) if self._image_from else (weights / 2, bias + weights.sum(dim=(1, 2, 3)) / 2)

    def __call__(self, z: Tensor, image: Tensor | None) -> Tensor:
        logit_weights, logit_bias = self._tensors[:2]
        return inverse_temperatures(TreeTensors(logit_weights, logit_bias, *self._image_leaf()), z, image)


class _PixelRows:
    """Projected logits and image of a prediction at full size, rows by rows, with a reflected margin."""

    def __init__(self, prediction: Prediction, device: torch.device) -> None:
        view = prediction.view()
        _, h, w = view.logits.shape
        self._native = torch.tensor(np.asarray(view.logits), device=device)
        self._members = [torch.tensor(np.flatnonzero(view.groups == g), device=device) for g in np.unique(view.groups)]
        self._rows = source_positions(h, view.size[0], view.align_corners)
        columns = reflect(-REACH, view.size[1] + REACH, view.size[1])
        self._columns = _interpolation(source_positions(w, view.size[1], view.align_corners), columns, w, device)
        self._image_columns = columns
        self._image = prediction.image
        self._height = view.size[0]

    def rows(self, rows: slice) -> tuple[Tensor, Tensor | None]:
        """Return logits of live columns, and the image if there is one, of these rows and the margin."""
        device = self._native.device
        places = reflect(rows.start - REACH, rows.stop + REACH, self._height)
        z = _interpolate(self._native, 1, _interpolation(self._rows, places, self._native.shape[1], device))
        z = _interpolate(z, 2, self._columns)
        if len(self._members) < len(z):
            z = torch.stack([z[m].logsumexp(dim=0) if len(m) > 1 else z[m[0]] for m in self._members])
        else:
            z = z[torch.cat(self._members)]
        if self._image is None:
            return z, None
        pixels = torch.tensor(self._image[places][:, self._image_columns], device=device)
        return z, pixels.permute(2, 0, 1).float() / 127.5 - 1


@dataclass(frozen=True)
class _ImageSet:
    """Images to train on and to hold out."""

    images: Sequence[WholeImage]
    device: torch.device

    def mean_loss(self, network: Network, places: Sequence[int], *, learn: bool = False) -> float:
        """Return the mean negative log-likelihood of the counted pixels of some images, of any sizes.

        With `learn` its gradients are added to those of the network's parameters, block by block.
        """
        pixels = sum(self.pixels(place) for place in places)
        total = 0.0
        with torch.inference_mode(mode=not learn):
            for place in places:
                for loss in self._losses(network, self.images[place]):
                    if learn:
                        (loss / pixels).backward()  # type: ignore[no-untyped-call]
                    total += loss.item()
        return total / pixels

    def pixels(self, place: int) -> int:
        """Return the number of counted pixels of an image."""
        image = self.images[place]
        return int((live_labels(image.truth, live_columns(image.prediction)) >= 0).sum())

    def _losses(self, network: Network, image: WholeImage) -> Iterator[Tensor]:
        """Yield the summed loss of the counted pixels of each block; one image is open at a time."""
        field, live = _PixelRows(image.prediction, self.device), live_columns(image.prediction)
        for rows in _row_blocks(image.prediction.size, _PIXELS):
            labels = torch.tensor(live_labels(image.truth[rows], live), device=self.device)
            if not (labels >= 0).any():
                continue
            z, pixels = field.rows(rows)
            factor = network(z, pixels)
            below = z[:, REACH:-REACH, REACH:-REACH]
            below = below - below.amax(dim=0)
            own = below.gather(0, labels.clamp(min=0)[None])[0]
            loss = (below * factor).logsumexp(dim=0) - own * factor
            yield (loss * (labels >= 0)).sum(dtype=torch.float64)


def _convolve(x: Tensor, weights: Tensor, bias: Tensor) -> Tensor:
    """Convolve a block, or several, whose channels come first then.

    With channels last in memory, gradients take a half to a fifth of the time on a CPU.
    """
    blocks = x if x.ndim == 4 else x[None]
    blocks, weights = (t.contiguous(memory_format=torch.channels_last) for t in (blocks, weights))
    convolved = conv2d(blocks, weights, bias, dilation=_DILATION)
    return convolved.movedim(1, 0) if x.ndim == 4 else convolved[0]


def _mix(gate: Tensor, a: Tensor, b: Tensor) -> Tensor:
    return b + gate * (a - b)


def _draw_weights(
    generator: np.random.Generator, channels: tuple[int, int], spread: float
) -> Float32[np.ndarray, "o i 5 5"]:
    """Draw weights of channels (out, in) that give values of about this spread where inputs have one of 1."""
    shape = (*channels, TAPS, TAPS)
    return generator.normal(0, spread / np.sqrt(channels[1] * TAPS**2), shape).astype(np.float32)


def _row_blocks(size: tuple[int, int], pixels: int) -> Iterator[slice]:
    """Yield all rows, so many pixels at a time."""
    step = max(1, pixels // size[1])
    for start in range(0, size[0], step):
        yield slice(start, min(start + step, size[0]))


def reflect(start: int, stop: int, size: int) -> Int64[np.ndarray, " n"]:
    """Return places from start to stop, those outside of 0 to size reflected at the border, which is not repeated."""
    if size == 1:
        return np.zeros(stop - start, np.int64)
    period = 2 * (size - 1)
    place = np.abs(np.arange(start, stop)) % period
    return np.where(place < size, place, period - place)


Interpolation: TypeAlias = tuple[Tensor, Tensor, Tensor]
"""The lower native index of each place, the next one, and its weight."""


def _interpolation(
    positions: tuple[np.ndarray, np.ndarray], places: Int64[np.ndarray, " n"], native: int, device: torch.device
) -> Interpolation:
    lower, weight = (a[places] for a in positions)
    upper = np.minimum(lower + 1, native - 1)
    arrays = (lower, upper, weight.astype(np.float32))
    first, second, third = (torch.tensor(a, device=device) for a in arrays)
    return first, second, third


def _interpolate(z: Tensor, axis: int, between: Interpolation) -> Tensor:
    lower, upper, weight = between
    a = z.index_select(axis, lower)
    return a + (z.index_select(axis, upper) - a) * (weight[:, None] if axis == 1 else weight)
