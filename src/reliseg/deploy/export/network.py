"""How a model shows images to its network, as a module of torch that can be traced: images in, maps out."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from reliseg.deploy.export.joined.ports import Port
from reliseg.deploy.export.masks import class_maps, logs_of, shares_of
from reliseg.deploy.export.resizing import can_resize, resize
from reliseg.deploy.export.wishes import HEAD_ONLY, not_whole
from reliseg.deploy.heads.base import log_probabilities
from reliseg.errors import ModelError
from reliseg.kernels.rows.masks import NetworkInput
from reliseg.models import Model
from reliseg.models.image_predictor import ImageModel, ImagePredictor
from reliseg.models.inference.modes import EvenWindows, Inference, window_places
from reliseg.models.inference.resizing import Resizing, Size
from reliseg.models.kinds.ensemble import EnsembleModel
from reliseg.models.kinds.onnx import OnnxModel
from reliseg.models.options import Slide
from reliseg.models.torch.network import Network, Queries
from reliseg.models.torch.normalisation import Normalisation
from reliseg.types import Float, UInt8

Places: TypeAlias = Sequence[tuple[slice, slice]]
Maps: TypeAlias = Float[Tensor, "n c H W"]


class Shown(NamedTuple):
    """What a model gives for images."""

    values: Float[Tensor, "n c h w"]
    """Logits; of a model that gives probabilities these, where they are native, and else their logarithms."""
    are_native: bool
    """Whether one interpolation brings them to the size of the images; else they have it."""
    feature: Float[Tensor, "n f"] | None


class ShownImages(nn.Module):
    """One model: 8-bit images, N x H x W x 3, as it shows them to its network."""

    mean: Tensor
    std: Tensor

    def __init__(self, network: Network, predictor: ImagePredictor, size: Resizing | None) -> None:
        super().__init__()
        self.module, self.network, self.size_of_data = network.module, network, size
        self.inference: Inference = predictor.inference
        self.align_corners = bool(predictor.align_corners)
        self.of_probabilities = predictor.values == "probabilities"
        self.order = network.masks[0] if network.masks is not None else None
        scale = network.normalisation
        self.register_buffer("mean", torch.tensor(scale.mean).view(3, 1, 1))
        self.register_buffer("std", torch.tensor(scale.std).view(3, 1, 1))

    @property
    def needs_a_size(self) -> bool:
        """Tell if what is done depends on the size of the images in more than lengths of axes."""
        inference = self.inference
        resizes = self.size_of_data is not None or inference.resizing.target is not None
        return resizes or not inference.is_single or self.order is not None

    @property
    def multiple(self) -> int:
        """What the sides of images are padded to multiples of."""
        return self.inference.pad

    def forward(self, images: UInt8[Tensor, "n H W 3"]) -> Shown:
        """Return what the model gives for the images."""
        pixels = images.permute(0, 3, 1, 2).float()
        size = pixels.shape[2], pixels.shape[3]
        if self.size_of_data is not None:
            pixels = resize(pixels, self.size_of_data)
        inference = self.inference
        if not inference.is_single:
            return self._composed(pixels, size)
        given = pixels.shape[2], pixels.shape[3]
        seen = resize(pixels, inference.resizing) if inference.resizing.target is not None else pixels
        native, feature = self._ask(seen)
        whole = seen.shape[2], seen.shape[3]
        if isinstance(native, Tensor) and self._is_near(whole, given):
            return Shown(native, True, feature)
        return Shown(self._of_image(native, whole, given, size), False, feature)

    def maps(self, images: UInt8[Tensor, "n H W 3"]) -> tuple[Maps, Float[Tensor, "n f"] | None]:
        """Return logits, or logarithms of probabilities, at the size of the images; and the feature."""
        shown = self(images)
        if not shown.are_native:
            return shown.values, shown.feature
        maps = self._brought(shown.values, [(images.shape[1], images.shape[2])])
        return log_probabilities(maps) if self.of_probabilities else maps, shown.feature

    def _composed(self, pixels: Float[Tensor, "n 3 h w"], size: Size) -> Shown:
        """Return the mean of views, or one view in windows."""
        shown = [self._view(pixels, view.scale, view.mirrored, size) for view in self.inference.views]
        features = [feature for _, feature in shown if feature is not None]
        feature = torch.stack(features).mean(dim=0) if len(features) == len(shown) else None
        if len(shown) == 1:
            return Shown(shown[0][0], False, feature)
        return Shown(mean_of_maps([maps for maps, _ in shown]), False, feature)

    def _view(
        self, pixels: Float[Tensor, "n 3 h w"], scale: float, mirrored: bool, size: Size
    ) -> tuple[Maps, Float[Tensor, "n f"] | None]:
        given = pixels.shape[2], pixels.shape[3]
        seen = resize(pixels, self.inference.resizing, scale)
        seen = seen.flip(3) if mirrored else seen
        if self.inference.slide is not None:
            maps, feature = self._slide(seen, self.inference.slide, given, size)
        else:
            native, feature = self._ask(seen)
            maps = self._of_image(native, (seen.shape[2], seen.shape[3]), given, size)
        return maps.flip(3) if mirrored else maps, feature

    def _slide(
        self, seen: Float[Tensor, "n 3 h w"], slide: Slide | EvenWindows, given: Size, size: Size
    ) -> tuple[Maps, Float[Tensor, "n f"] | None]:
        """Return the mean of windows at the size of the image, as `_of_image` does; and the feature."""
        whole = seen.shape[2], seen.shape[3]
        places = list(window_places(whole, slide))
        parts = torch.cat([seen[:, :, rows, columns] for rows, columns in places])
        native, features = self._ask(parts)
        part = self._averaged(self._of_input(native, (parts.shape[2], parts.shape[3])), slide)
        windows = part.reshape(len(places), len(seen), *part.shape[1:])
        maps = self._brought(mean_of_windows(list(windows.unbind()), places, whole), [given, size])
        feature = None if features is None else features.reshape(len(places), len(seen), -1).mean(dim=0)
        if slide.feature == "image":
            feature = self._ask(seen)[1]
        if self.order is not None:
            return logs_of(maps), feature
        is_linear = self.of_probabilities or slide.average == "probabilities"
        return log_probabilities(maps) if is_linear else maps, feature

    def _averaged(self, part: Maps, slide: Slide | EvenWindows) -> Maps:
        """Return what is averaged where windows overlap."""
        if slide.average != "probabilities" or (self.of_probabilities and self.order is None):
            return part
        return part.softmax(dim=1) if self.order is None else shares_of(part)

    def _ask(
        self, pixels: Float[Tensor, "n 3 H W"]
    ) -> tuple[Float[Tensor, "n c i j"] | Queries, Float[Tensor, "n f"] | None]:
        """Return what the network gives for images as it sees them."""
        scale, size = self.network.normalisation, (pixels.shape[2], pixels.shape[3])
        x = ((pixels.flip(1) if scale.bgr else pixels) / scale.divisor - self.mean) / self.std
        if self.inference.pad > 1:
            height, width = self.inference.padded(size)
            x = torch.nn.functional.pad(x, (0, width - size[1], 0, height - size[0]))
        output, feature = self.network.forward(x)
        output = output.float() if isinstance(output, Tensor) else output
        return output, None if feature is None else feature.float()

    def _is_near(self, seen: Size, given: Size) -> bool:
        """Tell if one interpolation brings logits to the size of the image."""
        return self.inference.pad == 1 and not (self.inference.through_input and seen != given)

    def _of_image(self, native: Float[Tensor, "n c i j"] | Queries, seen: Size, given: Size, size: Size) -> Maps:
        """Return logits, or logarithms of probabilities or class maps, at the size of the image.

        `given` is its size as the model was given it, `seen` that which the network saw, without padding.
        """
        if isinstance(native, Queries):
            return logs_of(self._class_maps(native, seen, size))
        is_near = self._is_near(seen, given)
        maps = self._brought(native, [size]) if is_near else self._brought(self._of_input(native, seen), [given, size])
        return log_probabilities(maps) if self.of_probabilities else maps

    def _of_input(self, native: Float[Tensor, "n c i j"] | Queries, seen: Size) -> Maps:
        """Return logits, probabilities or class maps at the size of what the network saw, without its padding."""
        if isinstance(native, Queries):
            return self._class_maps(native, seen, seen)
        return _cropped(self._brought(native, [self.inference.padded(seen)]), seen)

    def _class_maps(self, queries: Queries, seen: Size, size: Size) -> Maps:
        assert self.order is not None, "networks that give queries say how they are read"
        return class_maps(queries, self.order, NetworkInput(self.inference.padded(seen), seen), size)

    def _brought(self, maps: Maps, sizes: Sequence[Size]) -> Maps:
        """Return maps at one size after the other."""
        for size in sizes:
            if maps.shape[2:] != size:
                maps = interpolate(maps, size, mode="bilinear", align_corners=self.align_corners)
        return maps


class Members(nn.Module):
    """An ensemble: the mean of the probabilities of its members."""

    def __init__(self, members: Sequence[ShownImages]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    @property
    def needs_a_size(self) -> bool:
        """Tell if a member does."""
        return any(member.needs_a_size for member in self._members())

    @property
    def multiple(self) -> int:
        """What the sides of images are padded to multiples of, by all members together."""
        return math.lcm(*(member.multiple for member in self._members()))

    def forward(self, images: UInt8[Tensor, "n H W 3"]) -> Shown:
        """Return the logarithm of the mean, and the features one after the other."""
        shown = [member.maps(images) for member in self._members()]
        features = [feature for _, feature in shown if feature is not None]
        feature = torch.cat(features, dim=1) if len(features) == len(shown) else None
        return Shown(mean_of_maps([maps for maps, _ in shown]), False, feature)

    def _members(self) -> list[ShownImages]:
        return [member for member in self.members if isinstance(member, ShownImages)]


def shown_images(model: Model, name: str, size: Resizing | None) -> ShownImages | Members:
    """Return the model as a module that can be traced; a ModelError says by name what cannot be.

    `size` is how the data set resizes its images, for a model that has no size of its own.
    """
    if isinstance(model, EnsembleModel):
        return Members([_one(member, f"{name} ({own})", size) for own, member in model.members.items()])
    return _one(model, name, size)


def mean_of_maps(maps: Sequence[Maps]) -> Maps:
    """Return the logarithm of the mean probability."""
    logs = torch.stack([z.log_softmax(dim=1) for z in maps])
    return logs.logsumexp(dim=0) - torch.tensor(float(len(maps))).log()


def mean_of_windows(windows: Sequence[Maps], places: Places, size: Size) -> Maps:
    """Return the mean, at each pixel, of the windows that cover it; put together from the parts between their edges."""
    tops = sorted({edge for rows, _ in places for edge in (rows.start, min(rows.stop, size[0]))})
    sides = sorted({edge for _, columns in places for edge in (columns.start, min(columns.stop, size[1]))})
    bands = []
    for top, bottom in pairwise(tops):
        cells = []
        for left, right in pairwise(sides):
            covering = [
                window[:, :, top - rows.start : bottom - rows.start, left - columns.start : right - columns.start]
                for window, (rows, columns) in zip(windows, places, strict=True)
                if rows.start <= top < rows.stop and columns.start <= left < columns.stop
            ]
            cells.append(sum(covering[1:], covering[0]) / len(covering))
        bands.append(torch.cat(cells, dim=3))
    return torch.cat(bands, dim=2)


def _cropped(maps: Maps, size: Size) -> Maps:
    """Return the upper left part. Of a size that is not known yet, a part that is sliced may not be the whole."""
    if all(isinstance(side, int) for side in size):
        return maps[:, :, : size[0], : size[1]]
    rows, columns = torch.arange(size[0]), torch.arange(size[1])
    return maps.index_select(2, rows).index_select(3, columns)


def _one(model: Model, name: str, size: Resizing | None) -> ShownImages:
    if not isinstance(model, ImageModel):
        raise not_whole(name, f"is a {type(model).__name__}")
    predictor = model.predictor
    network, inference = predictor.network, predictor.inference
    if isinstance(model, OnnxModel):
        network = _network_of_graph(model, name)
    if not isinstance(network, Network) or network.module is None:
        raise not_whole(name, "is a plain function, and no module of torch")
    if inference.dropout_passes:
        raise not_whole(name, "averages random passes (mc_dropout)")
    if network.precision != "float32":
        raise not_whole(name, f"computes in {network.precision}")
    if isinstance(network.module, torch.jit.ScriptModule):
        raise not_whole(name, "is TorchScript")
    used = size if inference.resizing.target is None else None
    scales = {view.scale for view in inference.views} != {1.0}
    for resizing in [*([used] if used else []), *([inference.resizing] if scales or not used else [])]:
        if (resizing.target is not None or scales) and not can_resize(resizing):
            raise not_whole(name, f"resizes images by {resizing.interpolation}, filter {resizing.resample}")
    return ShownImages(network, predictor, used)


def _network_of_graph(model: OnnxModel, name: str) -> Network:
    """Return what stands for a user's ONNX graph; a ModelError where it is no part of another one."""
    from reliseg.models.graphs.onnx_network import GraphNetwork

    graph = model.predictor.network
    assert isinstance(graph, GraphNetwork), "models of this kind have one"
    number = graph.images.takes.images
    if number not in (None, 1):
        raise ModelError(
            f"model {name} takes {number} images at a time, and can be exported where it takes one or any number; "
            f"export its graph so, or {HEAD_ONLY}"
        )
    port = Port(graph, model.path)
    raw = Normalisation((0.0, 0.0, 0.0), (1.0, 1.0, 1.0), divisor=1.0)
    scale = raw if graph.images.are_raw else Normalisation(graph.scale.mean, graph.scale.std)
    return Network(port, scale, torch.device("cpu"), 1, module=port)
