"""The pass over calibration splits: every image is predicted once, and what fits read of it lies on disk meanwhile."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from reliseg.calibration import CalibrationSample, SampledImage, Training
from reliseg.calibration.records.record import Hashes
from reliseg.data import Sample
from reliseg.errors import SampleError
from reliseg.plan.plan import Target
from reliseg.plan.shards import Shard, shards
from reliseg.run.context import ModelRun
from reliseg.run.failures import Attempts, Failures
from reliseg.run.fit.image_files import StoredImage, StoredImages
from reliseg.run.fit.pixel_files import Share, join_runs, pixel_runs
from reliseg.run.fit.requests import SampleRequest
from reliseg.run.fit.sample_files import SampleFiles, record_of
from reliseg.run.fit.sample_records import (
    SEED_PART,
    SampleEntry,
    SampleRecord,
    read_sample_record,
    refuse_changed_files,
)
from reliseg.run.fit.shard_sampling import ShardSampling
from reliseg.run.hashes import ChangedError
from reliseg.run.predict.freshness import StoredInputs
from reliseg.run.predict.plugin_code import digest_of
from reliseg.run.predict.stream import PredictedSample, SampleGroup
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
    _places: dict[tuple[Target, str], Path] = field(default_factory=dict, init=False)
    """By domain and name of the shard."""
    _whole: dict[Path, SampleRecord] = field(default_factory=dict, init=False)
    """What was found whole, by the file that says it."""

    def collect(self, target: Target, request: SampleRequest, only: Collection[Shard] | None = None) -> Failures:
        """Store what is requested of each shard, or of these alone, that does not hold it yet; return the failures.

        Stop where the first samples all fail for one reason.
        """
        every = [s for s in shards(target) if only is None or s in only]
        parts = {s.name: self._begun(s, request) for s in every if not self.is_stored(s, request)}
        begun = {name: sum(len(record.images) for _, record in found) for name, found in parts.items()}
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

        def store(shard: Shard, outcomes: Iterable[PredictedSample | SampleError]) -> None:
            files, asked = self._files(shard, request), _part(request, shard)
            one = ShardSampling(self.run, shard, asked, self._parts(target), files, parts[shard.name])
            one.store(iter(outcomes), attempts)

        for shard in (s for s in lacking if begun[s.name] == len(s.samples)):
            store(shard, ())
        with closing(stream):
            for shard, outcomes in groupby(zip(pending, stream, strict=True), key=lambda item: item[0][0]):
                store(shard, (outcome for _, outcome in outcomes))
                if attempts.are_hopeless:
                    break
        return attempts.failures(len(pending))

    def load(self, members: Sequence[Target], requests: Mapping[Target, SampleRequest], training: Training) -> FitData:
        """Return the share of a fit on these domains, in the order of the domains, then of sample ids."""
        images: list[SampledImage] = []
        pixels: list[tuple[Path, int, int]] = []
        whole: list[StoredImage] = []
        hashes: dict[str, dict[str, dict[str, str]]] = {k: {} for k in _HASHES}  # by kind, domain and id
        for target in members:
            request = requests[target]
            projection = target.dataset.projection(self.run.model.labels)
            for stored in self._stored_images(target, request):
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

    def _stored_images(self, target: Target, request: SampleRequest) -> list["_StoredSample"]:
        """Return what is stored of a domain, in the order of scenes and ids, however it is cut into shards."""
        found: list[tuple[Sample, _StoredSample]] = []
        for shard in shards(target):
            whole = self._find(shard, request)
            if whole is None:
                raise FileNotFoundError(f"samples of {target} were removed while they were read; run again")
            files, record = whole
            runs = pixel_runs(files.pixels, [e.pixels for e in record.images], request.quota)
            stored = (
                _StoredSample(e, run, files.whole_image(place))
                for place, (e, run) in enumerate(zip(record.images, runs, strict=True))
            )
            found += zip(shard.samples, stored, strict=True)
        return [stored for _, stored in sorted(found, key=lambda pair: (pair[0].scene, pair[0].id))]

    def discard(self, targets: Iterable[Target]) -> None:
        """Delete the samples of these domains."""
        context = self.run.context
        if context.depot.below(context.folder.samples):
            context.discard_samples(self.place(shard) for target in targets for shard in shards(target))

    def is_stored(self, shard: Shard, request: SampleRequest) -> bool:
        """Tell if what is stored of a shard holds all that is requested, of the same model, samples and files."""
        return self._find(shard, request) is not None

    def place(self, shard: Shard) -> Path:
        """Return where samples of a shard lie: a digest of what determines them and is known before many are read.

        These are parts and ids, and the files of the first sample: other data may have the same names, and models of
        stored predictions are told apart by them. What the model and the domain are called is no part of it.
        """
        key = shard.target, shard.name
        if key not in self._places:
            first, dataset, parts = shard.samples[0], shard.target.dataset, self._parts(shard.target)
            own = ""
            with suppress(OSError, SampleError, ChangedError):  # nothing is stored of a shard without its first sample
                own = self.run.context.hashes.of_sample(dataset, first)
            predictions = self.run.inputs({shard.target: [first]}, parts).first_predictions()
            content = [sorted(parts.items()), [s.id for s in shard.samples], own, predictions]
            self._places[key] = self.run.context.folder.samples_of(digest_of(content)[:32])
        return self._places[key]

    def _find(self, shard: Shard, request: SampleRequest) -> tuple[SampleFiles, SampleRecord] | None:
        """Return what holds all that is requested of a shard, whatever else was requested with it."""
        place, depot = self.place(shard), self.run.context.depot
        depot.fetch(place)
        for files in SampleFiles.all_in(place):
            record = self._whole.get(files.record)
            if record is None:
                depot.fetch(files.whole_images)
                record = self._read(shard, files.record)
                if record is None or len(record.images) < len(shard.samples):
                    continue
                self._whole[files.record] = record
            if _holds(record, request, shard):
                return files, record
        return None

    def _files(self, shard: Shard, request: SampleRequest) -> SampleFiles:
        return SampleFiles.of(self.place(shard), _part(request, shard))

    def _begun(self, shard: Shard, request: SampleRequest) -> list[tuple[Path, SampleRecord]]:
        """Return the parts of a shard's first samples, where it was interrupted: of several, those that hold most."""
        files, found, begun = self._files(shard, request), [], 0
        self.run.context.depot.fetch(files.whole_images)
        while begun < len(shard.samples):
            read = ((part, self._read(shard, record_of(part))) for part in files.parts(begun))
            valid = [(part, record) for part, record in read if record is not None]
            if not valid:
                break
            found.append(max(valid, key=lambda one: len(one[1].images)))
            begun += len(found[-1][1].images)
        return found

    def _read(self, shard: Shard, path: Path) -> SampleRecord | None:
        """Return what is said of stored samples, if it holds for model and files now."""
        try:
            record = read_sample_record(path)
            refuse_changed_files(path, record)
        except (OSError, ValueError):
            return None
        name = str(shard.target)
        predictions = {e.id: e.prediction_sha256 for e in record.images if e.prediction_sha256}
        before = StoredInputs(record.parts, {name: {e.id: e.sha256 for e in record.images}}, {name: predictions})
        now = self.run.inputs({shard.target: shard.samples}, self._parts(shard.target))
        return record if record.images and now.change_since(before) is None else None

    def _parts(self, target: Target) -> dict[str, str]:
        """Return what determines samples: predictions, and which pixels of them are drawn."""
        if target not in self._parts_by_target:
            seed = {SEED_PART: str(self.run.plan.settings.seed)}
            self._parts_by_target[target] = self.run.parts([target]) | seed
        return self._parts_by_target[target]


def _holds(record: SampleRecord, request: SampleRequest, shard: Shard) -> bool:
    """Tell if a record of a whole shard holds all that is requested of it."""
    return _part(request, shard).within(SampleRequest(record.quota, record.whole))


def _part(request: SampleRequest, shard: Shard) -> SampleRequest:
    return request.part(s.id for s in shard.samples)
