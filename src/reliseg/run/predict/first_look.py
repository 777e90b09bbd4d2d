"""What a run says of a model: whether it repeats itself, and what it notes of its own outputs; each line once."""

from reliseg.data import DataSet, Sample, load
from reliseg.errors import ReliSegError
from reliseg.models import Model
from reliseg.models.determinism import determinism_notes
from reliseg.run.predict.model_inputs import model_input


class FirstLook:
    """One model's first sample in a run, predicted twice, and the lines that were said of the model."""

    def __init__(self) -> None:
        self._looked = False
        self._said: set[str] = set()

    def at(self, model: Model, dataset: DataSet, sample: Sample) -> list[str]:
        """Return lines about a sample that is predicted twice; none where another one was, or where this one fails."""
        if self._looked or not model.reads_images:
            return []
        try:
            lines = determinism_notes(model, model_input(model, dataset, load(dataset, sample)))
        except ReliSegError:  # the pass over the samples says it
            return []
        self._looked = True
        return lines

    def new_notes(self, model: Model) -> list[str]:
        """Return what the model notes itself and was not returned before."""
        lines = [line for line in model.notes() if line not in self._said]
        self._said |= set(lines)
        return lines
