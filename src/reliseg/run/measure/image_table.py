"""A line for each image: how good, how well calibrated and how sure; the worst images follow from it."""

from collections.abc import Iterator, Sequence

import numpy as np

from reliseg.metrics import DomainState
from reliseg.metrics.many import ratio
from reliseg.metrics.units import Units, share_up_to
from reliseg.plan.plan import Plan, Target
from reliseg.results import NAN, csv_line, csv_numbers, csv_texts
from reliseg.results.images import IOU, MEAN, NUMBERS, PIXELS, PLACE
from reliseg.stats.bins import RIGHT, WRONG
from reliseg.stats.built_in_scores import msp_edges
from reliseg.stats.threshold import Threshold
from reliseg.types import Float64

_LIMITS = (0.90, 0.99)


def image_header(plan: Plan) -> str:
    """Return the columns of `images.csv`: those of all scores and of all classes of the plan."""
    return csv_line([*PLACE, PIXELS, *NUMBERS, *_score_columns(plan), *(f"{IOU}{name}" for name in _classes(plan))])


def image_lines(
    plan: Plan, model: str, target: Target, calibration: str, state: DomainState, threshold: Threshold | None
) -> Iterator[str]:
    """Yield the line of each image of a domain, by id. What an image does not have is empty.

    The shares of confident errors and of rejected pixels, those less sure than the `threshold` of msp, are read from
    coarse bins: of the bin that the limit lies in, as much is taken as of the domain's pixels there.
    """
    units = state.units
    if units is None:
        return
    numbers = np.column_stack([*_numbers(state, units, threshold), *state.images.scores[:, :, 1].T])
    iou = _iou(state, units, _classes(plan))
    samples = {sample.id: sample for sample in target.domain.samples}
    ids = [name.removeprefix(f"{target.dataset.name}/") for name in units.image_names]
    begin = csv_line([model, *target.names, calibration]).removesuffix("\n")
    cells = csv_numbers(np.concatenate([numbers, iou], axis=1))
    known = units.images.known.astype(np.int64).tolist()
    for i in sorted(range(len(ids)), key=ids.__getitem__):
        sample = samples[ids[i]]
        of_image = csv_texts(sample.id, sample.scene, sample.image, sample.mask or "")
        yield f"{begin},{of_image},{known[i]},{cells[i]}\n"


def _numbers(state: DomainState, units: Units, threshold: Threshold | None) -> Iterator[Float64[np.ndarray, " n"]]:
    """Yield the columns of numbers after that of pixels, in their order."""
    rows = units.images
    yield state.images.miou
    yield ratio(rows.classes[:, 0].sum(axis=1), rows.known)
    yield state.images.ece
    impossible = rows.classes[:, 1, list(state.unreachable)].sum(axis=1) > 0
    is_known = not state.pixels.losses.impossible.any()
    yield np.where(impossible | (not is_known), NAN, ratio(rows.losses[:, 0], rows.known))
    for limit in _LIMITS:
        last = int((msp_edges()[1:] >= limit).sum()) - 1
        yield ratio(_pixels_up_to(state, units, last)[WRONG], rows.known)
    if threshold is None or threshold.last is None:
        yield np.full(len(rows), NAN)
    else:
        accepted = ratio(_pixels_up_to(state, units, threshold.last).sum(axis=0), rows.known)
        yield np.clip(1 - accepted, 0, 1)


def _pixels_up_to(state: DomainState, units: Units, last: int) -> Float64[np.ndarray, "2 n"]:
    """Return how many wrong and right pixels of each image are in the fine bins of msp up to this one."""
    share = share_up_to(units.coarse_bins["msp"], state.filled("msp"), last)
    counts = units.images.ranks["msp"]
    return np.stack([(counts[:, role] * share[role]).sum(axis=1) for role in (WRONG, RIGHT)])


def _iou(state: DomainState, units: Units, names: Sequence[str]) -> Float64[np.ndarray, "n c"]:
    """Return the IoU of each class of the plan that an image's annotation has; else NaN."""
    hit, true, predicted = units.images.classes.swapaxes(0, 1)
    iou = np.where(true > 0, ratio(hit, true + predicted - hit), NAN)
    found = np.full((len(iou), len(names)), NAN)
    for c, name in enumerate(state.labels.classes):
        found[:, names.index(name)] = iou[:, c]
    return found


def _score_columns(plan: Plan) -> list[str]:
    scores = plan.layout(plan.test_domains()[0].dataset).scores if plan.test_domains() else ()
    return [f"{MEAN}{score}" for score in scores]


def _classes(plan: Plan) -> list[str]:
    return list(dict.fromkeys(name for target in plan.test_domains() for name in target.dataset.labels.classes))
