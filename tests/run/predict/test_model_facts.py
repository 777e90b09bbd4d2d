"""What is known of a model is what the model says."""

from pathlib import Path

from helpers.plans import SilentModel

from reliseg.run.predict.model_facts import ModelFacts


def test_facts_are_those_of_the_model() -> None:
    model = SilentModel("one")
    facts = ModelFacts.of(model)
    assert facts.fingerprint == model.fingerprint() != ModelFacts.of(SilentModel("two")).fingerprint
    assert (facts.labels, facts.reads_images, facts.provenance) == (model.labels, True, {"name": "one"})
    assert "code of another package" in facts.code  # it stands in no module of reliseg


def test_files_are_those_that_the_provenance_names() -> None:
    class Loaded(SilentModel):
        def provenance(self) -> dict[str, object]:
            return {"files": {"/a/weights.pt": "0" * 64}}

    assert ModelFacts.of(Loaded()).files == [Path("/a/weights.pt")]
    assert ModelFacts.of(SilentModel()).files == []
