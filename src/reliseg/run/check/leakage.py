"""What a calibration was fitted on must not be what it is tested on: compared by the bytes of images.

A copy of an image under another path, or with another mask, is found too.
"""

from collections.abc import Iterable, Iterator
from functools import partial

from reliseg.calibration.records.record import Record
from reliseg.data import NO_SCENE, Sample, image_sha256
from reliseg.errors import SampleError, count_text, shortlist
from reliseg.plan.plan import Plan, Target, without_copies
from reliseg.run.predict.stream import prefetch
from reliseg.runtime.progress import Progress, Stage

_MAX_NAMES = 8


def problems_of_loaded(plan: Plan, *, workers: int, progress: Progress) -> Iterator[str]:
    """Read all images; yield a line for each tested domain with images that a loaded calibration was fitted on."""
    for target in plan.test_domains():
        records = _records_for(plan, target)
        if not records or not plan.must_be_unseen(target):
            continue
        for split, samples in seen_samples(target, records, workers=workers, progress=progress).items():
            yield (
                f"{target} shares {count_text(len(samples), 'image')} with {split}, which a loaded calibration was "
                f"fitted on ({shortlist(samples, _MAX_NAMES)}); test on other images, or name {target} in "
                "test: allow_seen:"
            )


def seen_samples(
    target: Target, records: Iterable[Record], *, workers: int, progress: Progress
) -> dict[str, list[str]]:
    """Return the samples of a domain that calibrations were fitted on, by the split of these."""
    known: dict[str, set[str]] = {}
    for record in records:
        known.setdefault(record.split, set()).update(record.seen())
    seen: dict[str, list[str]] = {}
    title = f"{target}: comparing with the images that calibrations were fitted on"
    progress.begin(title, len(target.domain.samples), Stage("check", domain=str(target)))
    digests = prefetch(partial(_digest, target), target.domain.samples, workers=workers, max_pending=3 * workers)
    for sample, digest in zip(target.domain.samples, digests, strict=True):
        progress.advance()
        for split, images in known.items():
            if digest in images:
                seen.setdefault(split, []).append(sample.id)
    return seen


def shared_scenes(plan: Plan) -> list[str]:
    """Return a line for each split that shares scenes with a tested domain of the same data set."""
    splits = {
        fit.split: _scenes((str(m), s.id) for t in fit.on for m in t.members() for s in m.domain.samples)
        for fit in plan.fits
    }
    for records in plan.loaded.values():
        splits |= {r.split: _scenes((d, s) for d, images in r.images.items() for s in images) for r in records}
    lines = []
    for split, scenes in splits.items():
        for target in without_copies(plan.test_domains()):
            if not plan.split_reaches(split, target):
                continue
            shared = sorted(scenes & _scenes((str(target), s.id) for s in target.domain.samples))
            if shared:
                names = shortlist([scene for _, scene in shared], _MAX_NAMES)
                lines.append(
                    f"{target} shares scenes with {split}, which calibrations are fitted on ({names}): "
                    "neighbouring frames are similar, so calibrations may look better than they are"
                )
    return lines


def _records_for(plan: Plan, target: Target) -> list[Record]:
    """Return the loaded calibrations that a domain is tested with, of any model."""
    records = (r for of_model in plan.loaded.values() for r in of_model)
    return [r for r in records if r.classes == target.classes and plan.reaches(r.name, target)]


def _digest(target: Target, sample: Sample) -> str:
    try:
        return image_sha256(target.dataset, sample)
    except SampleError:
        return ""  # it cannot be evaluated either, and is reported there


def _scenes(samples: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return data set and scene of samples given as `DATASET/DOMAIN` and `SCENE/STEM`, where they have one."""
    scenes = {(domain.partition("/")[0], sample.rpartition("/")[0]) for domain, sample in samples}
    return {(dataset, scene) for dataset, scene in scenes if scene != NO_SCENE}
