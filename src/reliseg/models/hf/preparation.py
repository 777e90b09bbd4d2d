"""What is done to images before a network sees them: as its processor says, its family needs and a user wants."""

from dataclasses import dataclass, replace

from reliseg.errors import ModelError, image_size_text
from reliseg.models.base import WITHOUT_MASKS, ModelOptions
from reliseg.models.hf.families import Family, Size
from reliseg.models.hf.processor import Processor
from reliseg.models.hf.target_size import ShortestEdge, Target
from reliseg.models.inference.modes import NONE
from reliseg.models.inference.normalisation import checked
from reliseg.models.inference.resizing import BILINEAR
from reliseg.models.options import MaskOrder, Slide


@dataclass(frozen=True)
class Needs:
    """What a network needs of its images: its family, its own size where it has one, and the order of its masks."""

    family: Family
    own: Size | None = None
    order: MaskOrder | None = None

    @property
    def default(self) -> Target | None:
        """The size that images are brought to where nobody says another; None where they keep theirs."""
        return ShortestEdge(min(self.own)) if self.own and self.order == "window" else self.own

    def problem(self, target: Target) -> str | None:
        """Return why images cannot be brought to this size, or None."""
        if self.own is None or (self.order == "window" and target == self.default):
            return None
        text = image_size_text(self.own)
        if self.order == "window":
            fits = isinstance(target, tuple) and min(target) == min(self.own)
            return None if fits else f"takes windows of {text}, so the shorter side of images must be {min(self.own)}"
        if not isinstance(target, tuple):
            return f"takes images of {text}, and resize keeps their ratio"
        if self.family.sizes == "own":
            return None if target == self.own else f"takes images of {text} alone, and resize is {list(target)}"
        return None if target[0] == target[1] else f"takes square images alone, and resize is {list(target)}"

    def conflict(self, options: ModelOptions) -> str | None:
        """Return why images cannot be shown as the options say, or None: no part of them may have another size."""
        if self.own is None or self.family.sizes != "own":
            return None
        text = image_size_text(self.own)
        crop = options.slide.crop if isinstance(options.slide, Slide) else None
        if crop is not None and crop != self.own:
            return f"takes images of {text} alone, and slide has windows of {list(crop)}; set crop: {list(self.own)}"
        if self.order == "window" and options.slide == NONE:
            return "predicts windows, and slide is none; leave slide out, or set masks: input"
        if crop is None and options.tta and any(scale != 1 for scale in options.tta.scales):
            return f"takes images of {text} alone; leave scales out of tta"
        if options.pad and any(edge % options.pad.to_multiple for edge in self.own):
            return f"takes images of {text} alone, and pad would enlarge them; leave pad out"
        return None


def mask_order(family: Family, options: ModelOptions) -> MaskOrder | None:
    """Return where masks become probabilities, None for networks without; a ModelError where options do not fit."""
    if family.masks is None:
        options.refuse(["masks"], WITHOUT_MASKS)
        return None
    options.refuse(["values", "align_corners"], "does not apply to networks that classify masks; leave it out")
    if options.masks == "window" and family.masks != "window":
        raise ModelError(
            f"model {options.name}: masks: window is for networks that take one size alone; use input, image, native "
            "or 384"
        )
    return options.masks or family.masks


def prepared(processor: Processor, options: ModelOptions, needs: Needs) -> Processor:
    """Return the processor with the options' mean, deviation and size; by default an image keeps its own size.

    Where the network needs one, images are brought to that. A ModelError says which sizes cannot be.
    """
    normalisation = replace(
        processor.normalisation,
        mean=options.mean or processor.normalisation.mean,
        std=options.std or processor.normalisation.std,
    )
    processor = replace(processor, normalisation=checked(normalisation, options.name))
    conflict = needs.conflict(options)
    if conflict:
        raise ModelError(f"model {options.name} {conflict}")
    if options.resize is None:
        return replace(processor, size=_needed(processor, needs, options), unsupported=None)
    if options.resize == NONE:
        return replace(processor, size=None, unsupported=None)
    if not isinstance(options.resize, str):
        processor = replace(processor, size=options.resize, resample=BILINEAR, unsupported=None)
    elif options.resize != "processor":
        raise ModelError(f"model {options.name}: resize is {options.resize!r}; write processor or [h, w]")
    elif processor.unsupported or processor.size is None:
        setting = processor.unsupported or "no size"
        raise ModelError(
            f"model {options.name}: its image processor sets {setting}; write resize: [h, w], or leave it out"
        )
    windows = isinstance(options.slide, Slide)
    problem = needs.problem(processor.size) if processor.size and not windows else None
    if problem:
        raise ModelError(f"model {options.name} {problem}; leave resize out")
    return processor


def size_note(family: Family, options: ModelOptions, size: Target | None) -> list[str]:
    """Return a line about the size that images are brought to because the network takes no other."""
    if options.resize is not None or size is None:
        return []
    if isinstance(size, ShortestEdge) and options.slide is None:
        edge = size.shortest
        return [
            f"takes windows of height {edge}, width {edge}: the shorter side of images is brought to {edge}, and the "
            "windows along the longer one are averaged"
        ]
    if not isinstance(size, tuple):
        return []
    text = image_size_text(size)
    taken = f"images of {text} alone" if family.sizes == "own" else "square images alone"
    return [f"takes {taken}, so images are brought to {text}, whatever their proportions"]


def _needed(processor: Processor, needs: Needs, options: ModelOptions) -> Target | None:
    """Return the size that images must have: of squares the processor's, if it is one; none where windows have it."""
    if isinstance(options.slide, Slide) and options.slide.crop == needs.own:
        return None
    stated = processor.size
    squares = needs.family.sizes == "squares" and isinstance(stated, tuple) and stated[0] == stated[1]
    return stated if squares else needs.default
