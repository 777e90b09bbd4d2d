"""What is done to images before a network sees them: as its processor says, its family needs and a user wants."""

from dataclasses import replace

from reliseg.errors import ModelError, image_size_text
from reliseg.models.base import ModelOptions
from reliseg.models.hf.families import Family, Size, size_problem
from reliseg.models.hf.processor import Processor
from reliseg.models.hf.target_size import Target
from reliseg.models.inference.modes import NONE
from reliseg.models.inference.resizing import BILINEAR
from reliseg.models.torch.normalisation import checked


def prepared(processor: Processor, options: ModelOptions, family: Family, own: Size | None) -> Processor:
    """Return the processor with the options' mean, deviation and size.

    By default an image keeps its own size, or is brought to the one that the family needs: `own`, that in the
    network's configuration. A ModelError says which sizes cannot be.
    """
    normalisation = replace(
        processor.normalisation,
        mean=options.mean or processor.normalisation.mean,
        std=options.std or processor.normalisation.std,
    )
    processor = replace(processor, normalisation=checked(normalisation, options.name))
    if options.resize is None:
        return replace(processor, size=_needed(processor, family, own), unsupported=None)
    if options.resize == NONE:
        processor = replace(processor, size=None, unsupported=None)
    elif not isinstance(options.resize, str):
        processor = replace(processor, size=options.resize, resample=BILINEAR, unsupported=None)
    elif options.resize != "processor":
        raise ModelError(f"model {options.name}: resize is {options.resize!r}; write processor or [h, w]")
    elif processor.unsupported or processor.size is None:
        reason = f"sets {processor.unsupported}" if processor.unsupported else "sets no size"
        raise ModelError(f"model {options.name}: its image processor {reason}; write resize: [h, w]")
    problem = size_problem(family, own, processor.size)
    if problem:
        raise ModelError(f"model {options.name} {problem}; leave resize out")
    return processor


def size_note(family: Family, options: ModelOptions, size: Target | None) -> list[str]:
    """Return a line about the size that images are brought to because the network takes no other."""
    if options.resize is not None or not isinstance(size, tuple):
        return []
    text = image_size_text(size)
    taken = f"images of {text} alone" if family.sizes == "own" else "square images alone"
    return [f"takes {taken}, so images are brought to {text}, whatever their proportions"]


def _needed(processor: Processor, family: Family, own: Size | None) -> Size | None:
    """Return the size that images must have: of squares the processor's, if it is one."""
    if family.sizes == "any" or family.masks == "window":
        return None
    stated = processor.size
    squares = family.sizes == "squares" and isinstance(stated, tuple) and stated[0] == stated[1]
    return stated if squares and isinstance(stated, tuple) else own
