"""The pass over calibration splits: every image is predicted once, and what fits read of it lies on disk meanwhile."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from reliseg.calibration import CalibrationSample, SampledImage, Training
from reliseg.calibration.records.record import Hashes
from reliseg.data import Sample
from reliseg.plan.plan import Target
from reliseg.plan.shards import Shard, shards
from reliseg.run.context import ModelRun
from reliseg.run.failures import Attempts, Failures
from reliseg.run.fit.image_files import StoredImage, StoredImages
from reliseg.run.fit.pixel_files import Share, join_runs, pixel_runs
from reliseg.run.fit.requests import SampleRequest
from reliseg.run.fit.sample_records import (
    SEED_PART,
    SampleEntry,
    SampleRecord,
    read_sample_record,
    refuse_changed_files,
)
from reliseg.run.fit.shard_sampling import ShardSampling
from reliseg.run.predict.freshness import StoredInputs
from reliseg.run.predict.stream import SampleGroup
from reliseg.runtime.progress import Stage

_HASHES = ("sha256", "image_sha256", "prediction_sha256")


@dataclass(frozen=True, eq=False)
class FitData:
    """What a fit reads, and the hashes of what that was drawn from: of image and mask, and of the image alone."""

    sample: CalibrationSample
    samples: Hashes
    images: Hashes
    predictions: Hashes
    """Of the files that predictions were read from."""


@dataclass(frozen=True, eq=False)
class _StoredSample:
    """What is stored of one image: where its first pixels lie, and how files of the whole image begin."""

    entry: SampleEntry
    pixels: tuple[Path, int, int]
    whole: Path


@dataclass(frozen=True, eq=False)
class Sampling:
    """One model over calibration splits."""

    run: ModelRun
    _parts_by_target: dict[Target, dict[str, str]] = field(default_factory=dict, init=False)

    @property
    def folder(self) -> Path:
        """Where samples of this model lie until all is fitted."""
        return self.run.context.folder.samples(self.run.name)

    def collect(self, target: Target, request: SampleRequest, only: Collection[Shard] | None = None) -> Failures:
        """Store what is requested of each shard, or of these alone, that does not hold it yet; return the failures.

        Stop where the first samples all fail for one reason.
        """
        every = [s for s in shards(target) if only is None or s in only]
        begun = {s.name: self._begun(s, request) for s in every if not self.is_stored(s, request)}
        lacking = [s for s in every if s.name in begun]
        pending = [(s, sample) for s in lacking for sample in s.samples[begun[s.name] :]]
        total = sum(len(shard.samples) for shard in every)
        stage = Stage("sample", self.run.name, str(target), total - len(pending), len(every) - len(lacking))
        self.run.progress.begin(f"{self.run.name} on {target} for calibration", total, stage)
        stream = self.run.stream.predictions_of_groups(
            target.dataset,
            (SampleGroup(s.samples, {one.id for one in s.samples[begun[s.name] :]}) for s in lacking),
            domain=str(target),
            decode_images=any(request.whole.values()),
            keep_images=self.run.context.export is not None,
        )
        attempts = Attempts(self.run.progress.note, is_new=len(pending) == len(target.domain.samples))
        for shard in (s for s in lacking if begun[s.name] == len(s.samples)):
            self._shard_sampling(shard, request, len(shard.samples)).store(iter(()), attempts)
        with closing(stream):
            for shard, outcomes in groupby(zip(pending, stream, strict=True), key=lambda item: item[0][0]):
                sampling = self._shard_sampling(shard, request, begun[shard.name])
                sampling.store((outcome for _, outcome in outcomes), attempts)
                if attempts.are_hopeless:
                    break
        return attempts.failures(len(pending))

    def _shard_sampling(self, shard: Shard, request: SampleRequest, begun: int) -> ShardSampling:
        return ShardSampling(self.run, shard, _part(request, shard), self._parts(shard.target), begun)

    def load(self, members: Sequence[Target], requests: Mapping[Target, SampleRequest], training: Training) -> FitData:
        """Return the share of a fit on these domains, in the order of the domains, then of sample ids."""
        images: list[SampledImage] = []
        pixels: list[tuple[Path, int, int]] = []
        whole: list[StoredImage] = []
        hashes: dict[str, dict[str, dict[str, str]]] = {k: {} for k in _HASHES}  # by kind, domain and id
        for target in members:
            request = requests[target]
            projection = target.dataset.projection(self.run.model.labels)
            for stored in self._stored_images(target, request.quota):
                e = stored.entry
                pixels.append(stored.pixels)
                images.append(SampledImage(e.id, min(request.quota, e.pixels), e.feature))
                if e.id in request.whole:
                    image = request.whole[e.id]
                    whole.append(StoredImage(e.id, stored.whole, e.align_corners, projection, image))
                for kind, by_domain in hashes.items():
                    if digest := getattr(e, kind):
                        by_domain.setdefault(str(target), {})[e.id] = digest
        share = Share(tuple(join_runs(pixels)))
        sample = CalibrationSample(share, images, StoredImages.of(whole), training)
        return FitData(sample, hashes["sha256"], hashes["image_sha256"], hashes["prediction_sha256"])

    def _stored_images(self, target: Target, quota: int) -> list["_StoredSample"]:
        """Return what is stored of a domain, in the order of scenes and ids, however it is cut into shards."""
        found: list[tuple[Sample, _StoredSample]] = []
        for shard in shards(target):
            entries = read_sample_record(self._record(shard)).images
            runs = pixel_runs(self._pixels(shard), [e.pixels for e in entries], quota)
            stored = (
                _StoredSample(e, run, self._whole_image(shard, place))
                for place, (e, run) in enumerate(zip(entries, runs, strict=True))
            )
            found += zip(shard.samples, stored, strict=True)
        return [stored for _, stored in sorted(found, key=lambda pair: (pair[0].scene, pair[0].id))]

    def discard(self) -> None:
        """Delete all samples of this model."""
        self.run.context.discard_samples(self.run.name)

    def is_stored(self, shard: Shard, request: SampleRequest) -> bool:
        """Tell if what is stored of a shard holds all that is requested, of the same model, samples and files."""
        pixels = self._pixels(shard)
        self.run.context.depot.fetch(pixels.parent, stem=pixels.stem)
        self.run.context.depot.fetch(self._whole_image(shard, 0).parent)
        record = self._read(shard, self._record(shard), request)
        return record is not None and len(record.images) == len(shard.samples)

    def _begun(self, shard: Shard, request: SampleRequest) -> int:
        """Return how many of a shard's first samples are stored, where it was interrupted."""
        begun = 0
        while begun < len(shard.samples):
            record = self._read(shard, self.run.context.folder.sample_record(self.run.name, shard, begun), request)
            if record is None:
                break
            begun += len(record.images)
        return begun

    def _read(self, shard: Shard, path: Path, request: SampleRequest) -> SampleRecord | None:
        """Return what is said of stored samples, if it holds for what is requested, and for model and files now."""
        try:
            record = read_sample_record(path)
            asked = _part(request, shard).part(e.id for e in record.images)
            if not record.images or not asked.within(SampleRequest(record.quota, record.whole)):
                return None
            refuse_changed_files(path, record)
        except (OSError, ValueError):
            return None
        name = str(shard.target)
        predictions = {e.id: e.prediction_sha256 for e in record.images if e.prediction_sha256}
        before = StoredInputs(record.parts, {name: {e.id: e.sha256 for e in record.images}}, {name: predictions})
        now = self.run.inputs({shard.target: shard.samples}, self._parts(shard.target))
        return record if now.change_since(before) is None else None

    def _parts(self, target: Target) -> dict[str, str]:
        """Return what determines samples: predictions, and which pixels of them are drawn."""
        if target not in self._parts_by_target:
            seed = {SEED_PART: str(self.run.plan.settings.seed)}
            self._parts_by_target[target] = self.run.parts([target]) | seed
        return self._parts_by_target[target]

    def _pixels(self, shard: Shard) -> Path:
        return self.run.context.folder.pixels(self.run.name, shard)

    def _record(self, shard: Shard) -> Path:
        return self.run.context.folder.sample_record(self.run.name, shard)

    def _whole_image(self, shard: Shard, place: int) -> Path:
        return self.run.context.folder.whole_image(self.run.name, shard, place)


def _part(request: SampleRequest, shard: Shard) -> SampleRequest:
    return request.part(s.id for s in shard.samples)
