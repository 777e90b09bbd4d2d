"""What a configuration of mmsegmentation says of inference: sizes, windows, padding, mean and deviation."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from reliseg.errors import ModelError, error_text
from reliseg.models.options import FitWithin, Interpolation, Pad, Slide

_LOADING = ("Load", "Pack", "Collect", "ImageToTensor", "DefaultFormatBundle", "RandomFlip")
"""Beginnings of the names of steps that change no pixel of a test image."""
_LOADERS = ("LoadImage", "LoadImageFromFile", "LoadImageFromNDArray", "LoadImageFromWebcam")
"""Steps that read an image of three channels, blue first."""
_COLORS = ("color", "color_ignore_orientation", "unchanged", "unchanged_ignore_orientation")
_LARGEST = 1 << 30
"""Pixels of a side; configurations write infinity for a side that may have any length."""
_BACKENDS: dict[str, Interpolation] = {"cv2": "opencv", "pillow": "pillow"}


@dataclass(frozen=True)
class Settings:
    """How images are prepared and predicted.

    `mean` and `std` are those of images in 0..255. `problems` says of an option, `resize`, `pad` or `slide`, why what
    the configuration sets cannot be done here: where the user gives that option, it does not matter.
    """

    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    std: tuple[float, ...] = (1.0, 1.0, 1.0)
    bgr: bool = True
    resize: tuple[int, int] | FitWithin | None = None
    interpolation: Interpolation = "opencv"
    pad: Pad | None = None
    slide: Slide | None = None
    problems: tuple[tuple[str, str], ...] = ()
    remarks: tuple[str, ...] = ()
    """What a user should know."""

    def problem_of(self, option: str) -> str | None:
        """Return why the configuration's own setting cannot be used, or None."""
        return next((text for name, text in self.problems if name == option), None)


def read_settings(model: str, content: Mapping[str, Any]) -> Settings:
    """Return what the configuration sets; a ModelError where images would reach the network otherwise than it says."""
    try:
        return _settings(model, content)
    except (TypeError, ValueError, KeyError, IndexError, AttributeError, ArithmeticError) as error:
        raise ModelError(
            f"model {model}: what its configuration says of test images cannot be read ({error_text(error)}); correct "
            "its test pipeline, data_preprocessor or test_cfg, or set them in args"
        ) from error


def _settings(model: str, content: Mapping[str, Any]) -> Settings:
    steps, place, remarks = _test_steps(content)
    settings = _with_preprocessor(Settings(remarks=remarks), content)
    old = any(_kind(step) == "MultiScaleFlipAug" for step in steps)
    resizes = [step for step in _flat(steps) if "Resize" in _kind(step)]
    if len(resizes) > 1:
        settings = _with_problem(settings, "resize", f"resizes images {len(resizes)} times")
    normalised = False
    for step in _flat(steps):
        if _kind(step) == "Pad" and not normalised:
            settings = _with_problem(settings, "pad", "pads images before they are normalised")
        else:
            settings = _with_step(model, settings, step, place, old=old)
        normalised |= _kind(step) == "Normalize"
    _check_normalised_once(model, content, steps)
    if settings.problem_of("resize"):
        settings = replace(settings, resize=None)
    settings = _with_test_mode(settings, content["model"].get("test_cfg") or content.get("test_cfg") or {})
    if settings.slide and settings.pad:
        return _with_problem(replace(settings, pad=None), "pad", "pads images before windows are cut out of them")
    return settings


def _check_normalised_once(model: str, content: Mapping[str, Any], steps: Any) -> None:
    """Raise a ModelError if mmsegmentation would normalise images in the pipeline, and again beside the network."""
    given = content["model"].get("data_preprocessor") or content.get("data_preprocessor") or {}
    places = ["data_preprocessor"] * (given.get("mean") is not None)
    places += ["test pipeline" for step in _flat(steps) if _kind(step) == "Normalize"]
    if len(places) > 1:
        raise ModelError(
            f"model {model}: its configuration normalises images {len(places)} times ({', '.join(places)}); leave all "
            "but one out, in args"
        )


def _test_steps(content: Mapping[str, Any]) -> tuple[list[Mapping[str, Any]], str, tuple[str, ...]]:
    """Return the steps of the pipeline that tests run, where they stand, and a remark where `test_pipeline` differs.

    In 1.x it stands in `test_dataloader`, in 0.x in `data.test`.
    """
    data = content.get("data") or {}
    tests = "test_dataloader" if content.get("test_dataloader") else "data.test"
    named, place = content.get("test_pipeline"), "test_pipeline"
    run = None
    found = _pipeline_in(content.get("test_dataloader") or data.get("test"), tests)
    if found is not None:
        run, place = found
    if run is None or named is None:
        return list(run or named or []), place, ()
    if _resizes(run) == _resizes(named):
        return list(run), place, ()
    remark = f"its test_pipeline resizes otherwise than the one of its test data, {place}, which is what counts"
    return list(run), place, (remark,)


def _resizes(steps: Any) -> list[Any]:
    return [step for step in _flat(steps) if "Resize" in _kind(step)]


def _pipeline_in(data: Any, place: str) -> tuple[Any, str] | None:
    """Return the pipeline of a data set, which others may wrap, and where it stands; None if there is none."""
    if isinstance(data, list | tuple):
        parts = [(part, f"{place}.{number}") for number, part in enumerate(data)]
    elif not isinstance(data, Mapping):
        return None
    elif data.get("pipeline") is not None:
        return data["pipeline"], f"{place}.pipeline"
    else:
        parts = [(data.get(key), f"{place}.{key}") for key in ("dataset", "datasets")]
    return next((found for part, at in parts if (found := _pipeline_in(part, at)) is not None), None)


def _flat(steps: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the steps, and those inside the one that 0.x wraps them in, each with the scale that stands outside."""
    for step in steps or []:
        yield step
        if _kind(step) == "MultiScaleFlipAug":
            scales = step.get("img_scale")
            outer = {} if scales is None or _are_several(scales) else {"scale": scales}
            yield from ({**outer, **inner} for inner in step.get("transforms") or [])


def _kind(step: Mapping[str, Any]) -> str:
    """Return the name of a step's class; newer configurations hold the class itself."""
    kind = step.get("type", "")
    return str(getattr(kind, "__name__", kind)).rpartition(".")[2]


def _with_preprocessor(settings: Settings, content: Mapping[str, Any]) -> Settings:
    """Return the settings with what 1.x says beside the network."""
    given = content["model"].get("data_preprocessor") or content.get("data_preprocessor")
    if not given:
        return settings
    settings = replace(settings, bgr=not (given.get("bgr_to_rgb") or given.get("rgb_to_bgr")))
    if (given.get("mean") is None) != (given.get("std") is None):
        raise ValueError("data_preprocessor has one of mean and std, and needs both or none")
    if given.get("mean") is not None:
        settings = replace(settings, mean=_floats(given["mean"]), std=_floats(given["std"]))
    padding = given.get("test_cfg") or {}
    if not padding:
        return settings
    if padding.get("size") is not None:
        return _with_problem(settings, "pad", f"pads images to {list(padding['size'])}")
    if given.get("pad_val"):
        return _with_problem(settings, "pad", f"pads images with {given['pad_val']}")
    return replace(settings, pad=Pad(to_multiple=_positive(padding["size_divisor"])))


def _with_step(model: str, settings: Settings, step: Mapping[str, Any], place: str, *, old: bool) -> Settings:
    """Return the settings with what one step of the pipeline at `place` says."""
    kind = _kind(step)
    problem = _unusual_loading(kind, step)
    if problem:
        raise ModelError(
            f"model {model}: the test pipeline {problem}, which is not done here; if the network takes RGB images as "
            f"they are, set args: {{{place}: [..]}} without it"
        )
    if kind.startswith(_LOADING):
        return settings
    if kind == "MultiScaleFlipAug":
        return _with_augmentation(settings, step)
    if kind == "Normalize":
        colors = replace(settings, mean=_floats(step["mean"]), std=_floats(step["std"]))
        return replace(colors, bgr=not step.get("to_rgb", True))
    if kind == "Resize":
        return _with_resize(settings, step, keep_ratio=step.get("keep_ratio", old))
    if "Resize" in kind:
        return _with_problem(settings, "resize", f"resizes images by {kind}")
    if kind == "Pad":
        return _with_pad(settings, step)
    raise ModelError(
        f"model {model}: the test pipeline has a {kind}, which is not done here; if it changes no pixel, leave it out: "
        f"args: {{{place}: [..]}}"
    )


def _unusual_loading(kind: str, step: Mapping[str, Any]) -> str | None:
    """Return why a step that loads or mirrors images does not leave them as they are, or None."""
    if kind.startswith("Load") and "Image" in kind and kind not in _LOADERS:
        return f"loads images by {kind}"
    if kind in _LOADERS and step.get("color_type", "color") not in _COLORS:
        return f"loads images with color_type {step['color_type']!r}"
    if kind in _LOADERS and step.get("channel_order", "bgr") != "bgr":
        return f"loads images with channel_order {step['channel_order']!r}"
    return "mirrors images" if kind == "RandomFlip" and step.get("prob") else None


def _with_augmentation(settings: Settings, step: Mapping[str, Any]) -> Settings:
    if _are_several(step.get("img_scale")):
        return _with_problem(settings, "resize", "averages several scales")
    ratios = step.get("img_ratios")
    ratios = [1.0] if ratios is None else list(ratios) if isinstance(ratios, Sequence) else [ratios]
    if ratios != [1.0] and 1.0 not in ratios:
        return _with_problem(settings, "resize", f"resizes images by the ratios {ratios}")
    if step.get("flip") or len(ratios) > 1:
        remark = "its test pipeline averages flips or scales, which is not done unless tta says so"
        return replace(settings, remarks=(*settings.remarks, remark))
    return settings


def _are_several(scales: Any) -> bool:
    return isinstance(scales, Sequence) and len(scales) > 1 and isinstance(scales[0], Sequence)


def _with_resize(settings: Settings, step: Mapping[str, Any], *, keep_ratio: bool) -> Settings:
    unusual = [key for key in ("scale_factor", "min_size", "ratio_range") if step.get(key) is not None]
    scale = step.get("scale") or step.get("img_scale")
    if unusual or scale is None:
        return _with_problem(settings, "resize", f"resizes images by {unusual[0] if unusual else 'no scale'}")
    if step.get("interpolation", "bilinear") != "bilinear" or step.get("backend", "cv2") not in _BACKENDS:
        how = f"{step.get('interpolation', 'bilinear')} of {step.get('backend', 'cv2')}"
        return _with_problem(settings, "resize", f"resizes images by {how}")
    pair = scale[0] if isinstance(scale, Sequence) and isinstance(scale[0], Sequence) else scale
    width, height = map(_positive, (pair, pair) if isinstance(pair, int) else pair)
    size = FitWithin(long=max(width, height), short=min(width, height)) if keep_ratio else (height, width)
    return replace(settings, resize=size, interpolation=_BACKENDS[step.get("backend", "cv2")])


def _with_pad(settings: Settings, step: Mapping[str, Any]) -> Settings:
    if step.get("size_divisor") is None or step.get("pad_val"):
        return _with_problem(settings, "pad", "pads images to a size, or with another number than 0")
    return replace(settings, pad=Pad(to_multiple=_positive(step["size_divisor"])))


def _with_test_mode(settings: Settings, test: Mapping[str, Any]) -> Settings:
    mode = test.get("mode", "whole")
    if mode == "whole":
        return settings
    if mode != "slide":
        return _with_problem(settings, "slide", f"has the test mode {mode!r}")
    try:
        crop, stride = (_pair(test[key]) for key in ("crop_size", "stride"))
        return replace(settings, slide=Slide(crop=crop, stride=stride))
    except (KeyError, TypeError, ValueError) as error:
        return _with_problem(settings, "slide", f"has windows that cannot be ({error})")


def _pair(value: Any) -> tuple[int, int]:
    height, width = map(_positive, value)
    return height, width


def _positive(value: Any) -> int:
    """Return a number of pixels; a ValueError where it is none."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not value > 0:
        raise ValueError(f"{value!r} is no number of pixels")
    return int(value) if math.isfinite(value) and value < _LARGEST else _LARGEST


def _with_problem(settings: Settings, option: str, text: str) -> Settings:
    return replace(settings, problems=(*settings.problems, (option, text)))


def _floats(values: Sequence[Any]) -> tuple[float, ...]:
    return tuple(float(value) for value in values)
