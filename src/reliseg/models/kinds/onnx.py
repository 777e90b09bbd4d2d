"""Networks that were exported to ONNX, run by ONNX Runtime."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

from reliseg.errors import ModelError, error_text
from reliseg.models.base import IMAGENET_MEAN, IMAGENET_STD, WITHOUT_MASKS, ModelOptions, Requires
from reliseg.models.file_hashes import hash_files
from reliseg.models.graphs.model import GraphModel, Stretching
from reliseg.models.graphs.taken_images import own_inference
from reliseg.models.image_predictor import ImagePredictor, check_on_gray
from reliseg.models.inference.normalisation import PixelScale, checked
from reliseg.models.libraries.model import imports_for

if TYPE_CHECKING:
    from reliseg.models.graphs.onnx_network import GraphNetwork, Layout

_ARGS = ("layout", "providers")


@dataclass(frozen=True, eq=False)
class OnnxModel(GraphModel):
    """A network exported to ONNX: FILE.onnx, with its weights inside or beside it.

    Its input is one stack of images: N x 3 x H x W or N x H x W x 3, of float32 or float16 (normalised) or uint8 (as
    they are). Where it takes one size only, images are brought to it. `args` may hold `layout` and `providers`. The
    feature is the output that `feature` names; nothing inside the graph is looked at.
    """

    requires: ClassVar[Requires | None] = Requires("onnx", ("onnxruntime",))
    path: Path = Path()
    """Of the graph."""

    @classmethod
    def load(cls, options: ModelOptions) -> "OnnxModel":
        """Open a session for the graph, and predict a small image."""
        labels = options.require_labels()
        _check_options(options)
        with imports_for(options.name, "onnx", ("onnxruntime",)):
            from reliseg.models.graphs import onnx_files, onnx_session
        path = options.folder / Path(options.where).expanduser()
        files = onnx_files.graph_files(options.name, path)
        opened = onnx_session.open_session(options, path)
        network = _network(opened, options)
        inference = network.inference
        predictor = ImagePredictor(
            name=options.name,
            labels=labels,
            run=network.images.takes.adapted(network, inference),
            describe_error=error_text,
            align_corners=options.align_corners,
            values=options.values,
            inference=inference,
            network=network,
        )
        check_on_gray(predictor)
        facts = inference.facts() | {
            "kind": "onnx",
            "where": options.where,
            "args": {"layout": network.images.layout},
            "labels": labels.name,
            "values": options.values or "logits",
            "input": network.images.text,
            "output": network.reader.taken,
            "feature": options.feature,
            "normalisation": None if network.images.are_raw else asdict(network.scale),
            "resize": inference.resizing.fact(),
            "align_corners": options.align_corners,
            **onnx_session.session_facts(opened, options),
            "files": hash_files(files),
        }
        stretching = Stretching.of(options, network.images.takes, predictor)
        return cls(labels, predictor, facts, stretching=stretching, path=path)


def _check_options(options: ModelOptions) -> None:
    """Raise a ModelError for what a graph cannot have."""
    options.refuse(["weights", "key"], "applies to networks in torch, and a graph has its own weights; leave it out")
    options.refuse(["precision"], "applies to networks in torch, and a graph states its own; leave it out")
    options.refuse(["masks"], WITHOUT_MASKS)
    options.refuse_unknown_args(_ARGS)


def _network(session: Any, options: ModelOptions) -> "GraphNetwork":
    """Return how images are predicted; a ModelError where the graph does not take images, or gives no logits."""
    from reliseg.models.graphs.onnx_network import LAYOUTS, GraphNetwork, Images

    layout = options.args.get("layout")
    if layout is not None and layout not in LAYOUTS:
        raise ModelError(f"model {options.name}: layout is {layout!r}; write {' or '.join(LAYOUTS)}")
    scale = checked(PixelScale(options.mean or IMAGENET_MEAN, options.std or IMAGENET_STD), options.name)
    with _named(options):
        images = Images.of(session, cast("Layout | None", layout))
        if images.are_raw and (options.mean or options.std):
            raise ModelError("takes uint8 images, which are given as they are; leave out mean and std")
        if images.are_raw and options.pad:
            raise ModelError("takes uint8 images, and pad adds zeros to normalised ones; leave it out")
    inference, classes = own_inference(options, images.takes), len(options.require_labels())
    with _named(options):
        return GraphNetwork(session, images, scale, inference, classes, options.output, options.feature)


@contextmanager
def _named(options: ModelOptions) -> Iterator[None]:
    """Turn errors that are the ends of lines about a graph into whole lines."""
    try:
        yield
    except ModelError as error:
        raise ModelError(f"model {options.name}: {options.where} {error}") from error
