"""What is known of a model is what the model says."""

from dataclasses import replace
from pathlib import Path

import pytest
from helpers.plans import SilentModel, dataset_of, target_of

from reliseg.errors import ModelError
from reliseg.run.predict.identity import parts_of_predictions
from reliseg.run.predict.model_facts import ModelFacts
from reliseg.run.predict.model_inputs import check_size_of


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


class Mixed(SilentModel):
    """Members that see images at different sizes."""

    @property
    def resizes(self) -> bool:
        raise ModelError("some members resize images, and some do not")


def test_members_at_different_sizes_are_told_where_a_data_set_has_one_and_nowhere_else() -> None:
    dataset = dataset_of({"day": ["a/1"]})
    sized = replace(dataset, resize=(6, 10))
    facts = ModelFacts.of(Mixed())
    assert not facts.resizes
    parts = parts_of_predictions(facts, [target_of(dataset, "day")], 1)
    assert "size of the images" not in parts
    check_size_of(Mixed(), dataset)
    with pytest.raises(ModelError, match="some members resize images"):
        check_size_of(Mixed(), sized)
