"""A model is tried on the data itself: on the smallest and the largest image of each data set, or on all images."""

import math
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass

from reliseg.data import DataSet, DomainCheck, Sample, SizedSample, extremes, load
from reliseg.errors import ModelError, SampleError, image_size_text
from reliseg.models import Input, Model
from reliseg.models.determinism import determinism_notes
from reliseg.plan.plan import Plan, Target
from reliseg.run.failures import Attempts, reason_lines
from reliseg.run.predict.model_inputs import model_input, size_of_input
from reliseg.run.predict.stream import PredictedSample, PredictionStream
from reliseg.runtime.progress import Progress, Stage


@dataclass(frozen=True, eq=False)
class Trial:
    """One model on the images whose files were looked at before."""

    plan: Plan
    name: str
    model: Model
    checks: Mapping[Target, DomainCheck]
    progress: Progress

    def problems_of_extremes(self) -> list[str]:
        """Predict the smallest and the largest image of each data set; return a line for each reason why one fails."""
        lines = []
        for dataset, images in self._extremes().items():
            title = f"{self.name} on {' and '.join(map(str, images))} of {dataset.name}"
            self.progress.begin(title, len(images), Stage("check", self.name))
            problems = {}
            for image in images:
                outcome = self._predict(dataset, image.sample)
                self.progress.advance()
                if isinstance(outcome, SampleError):
                    problems[str(image)] = outcome.problem + self._size_hint(outcome.problem)
            lines += [f"model {self.name} on {dataset.name}: {line}" for line in reason_lines(problems)]
        return lines

    def problems_of_all(self, workers: int) -> list[str]:
        """Predict every image that can be read; return a line for each domain in which some fail, and why.

        A domain is left where its first images all fail for one reason.
        """
        stream = PredictionStream(self.model, workers, self.plan.settings.batch, name=self.name)
        lines = []
        for target, checked in self.checks.items():
            samples = [s for s in target.domain.samples if s.id not in checked.failed]
            self.progress.begin(f"{self.name} on {target}", len(samples), Stage("check", self.name, str(target)))
            attempts = Attempts(lambda _: None)
            with closing(stream.predictions(target.dataset, samples, domain=str(target))) as outcomes:
                for outcome in outcomes:
                    self.progress.advance()
                    if isinstance(outcome, SampleError):
                        attempts.fail(outcome)
                    else:
                        attempts.succeed()
                    if attempts.are_hopeless:
                        break
            if failures := attempts.failures(len(samples)):
                lines.append(f"model {self.name} on {target}: {failures}; check the model on these images")
        return lines

    def note_what_differs(self) -> None:
        """Predict one image of each data set twice, and beside another if the plan has batches; note what differs.

        Then note what the model says of its outputs, and how often the network is asked for an image.
        """
        for dataset, images in self._extremes().items():
            model = self.model.of_domain(str(self._target(dataset, images[0].sample)))
            try:
                for line in determinism_notes(model, *self._inputs(dataset, images[0].sample), name=self.name):
                    self.progress.note(f"model {self.name} {line}")
            except (SampleError, ModelError):
                continue  # the two at once: a run predicts them one by one then
        for line in self.model.notes():
            self.progress.note(f"model {self.name} {line}")
        counted = [
            (self.model.calls(size_of_input(self.model, dataset, image.size)), math.prod(image.size), image.size)
            for dataset, images in self._extremes().items()
            for image in images
        ]
        calls, _, size = max(counted)
        if calls > 1:
            self.progress.note(f"model {self.name}: {calls} forward passes for an image of {image_size_text(size)}")

    def _extremes(self) -> dict[DataSet, list[SizedSample]]:
        """Return the smallest and the largest image of each data set; one, where all are of one size."""
        found: dict[DataSet, list[SizedSample]] = {}
        for target, checked in self.checks.items():
            found.setdefault(target.dataset, []).extend(checked.extremes)
        return {dataset: extremes(images) for dataset, images in found.items() if images}

    def _predict(self, dataset: DataSet, sample: Sample) -> PredictedSample | SampleError:
        domain = str(self._target(dataset, sample))
        (outcome,) = PredictionStream(self.model, name=self.name).predictions(dataset, [sample], domain=domain)
        return outcome

    def _target(self, dataset: DataSet, sample: Sample) -> Target:
        """Return the first domain that a sample belongs to."""
        return next(t for t in self.checks if t.dataset is dataset and sample in t.domain.samples)

    def _inputs(self, dataset: DataSet, sample: Sample) -> list[Input]:
        """Return a sample, and where the plan has batches the next one of its domain, if it has the same size."""
        samples = self._target(dataset, sample).domain.samples
        place = samples.index(sample)
        loaded = [load(dataset, s) for s in samples[place : place + min(2, self.plan.settings.batch)]]
        return [model_input(self.model, dataset, item) for item in loaded if item.size == loaded[0].size]

    def _size_hint(self, problem: str) -> str:
        """Return the end of an error line about an image that a network cannot compute: it may be for other sizes."""
        if self.model.reads_images and " raised " in problem and "resize" not in problem:
            return "; if it needs images of another size, set resize"
        return ""
