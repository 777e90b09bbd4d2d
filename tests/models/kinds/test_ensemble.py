"""Several models as one: the mean of their probabilities, and what they disagree on."""

from types import MappingProxyType

import numpy as np
import pytest

from reliseg.config.schema import parse_config, parse_settings
from reliseg.errors import ConfigError, ModelError, SampleError
from reliseg.kernels.reference_rows import mean_probability, mutual_information, resized
from reliseg.labels import LabelSpace
from reliseg.models import Input, Model, ModelOptions
from reliseg.models.kinds.ensemble import EnsembleModel
from reliseg.plan.open import model_loaders
from reliseg.prediction import Prediction
from reliseg.testing import check_model

SPACE = LabelSpace("three", ("a", "b", "c"), ((0, 0, 0),) * 3)
IMAGE = np.random.default_rng(0).integers(0, 256, (12, 16, 3), np.uint8)
SOURCES = [Input(f"s/{i}", (12, 16), np.roll(IMAGE, i, axis=0)) for i in range(2)]


class Drawn(Model):
    """Logits at stride 4 that depend on the image and a seed."""

    def __init__(self, seed, labels=SPACE, files=MappingProxyType({}), feature=True):
        self.seed, self.labels, self._files, self._feature = seed, labels, files, feature

    @classmethod
    def load(cls, options):
        return cls(options.seed)

    def logits(self, image):
        cells = image[::4, ::4].astype(np.float32).mean(axis=2) / 60
        weights = np.random.default_rng(self.seed).normal(size=len(self.labels)).astype(np.float32)
        return weights[:, None, None] * cells

    def predict(self, inputs):
        for source in inputs:
            if source.image is None:
                raise SampleError(source.id, "no image was given")
        feature = np.array([self.seed, 1], np.float32) if self._feature else None
        return [Prediction(self.logits(i.image), i.size, feature=feature) for i in inputs]

    def notes(self):
        return [f"was drawn from {self.seed}"]

    def provenance(self):
        return {"seed": self.seed, "files": dict(self._files)}


def ensemble(*seeds, **options):
    return EnsembleModel.of({f"net{s}": Drawn(s, **options) for s in seeds})


def test_its_probabilities_are_the_mean_of_its_members():
    model = ensemble(1, 2, 3)
    for source, prediction in zip(SOURCES, model.predict(SOURCES), strict=True):
        members = [resized(Drawn(s).logits(source.image).astype(np.float64), (12, 16), False) for s in (1, 2, 3)]
        p = np.exp(np.asarray(prediction.logits, np.float64))
        np.testing.assert_allclose(p, mean_probability(members), atol=1e-6)
        disagreement = prediction.score_maps["neg_mutual_information"](slice(None))
        np.testing.assert_allclose(disagreement, -mutual_information(members), atol=1e-6)
        np.testing.assert_array_equal(prediction.feature, [1, 1, 2, 1, 3, 1])
    assert model.gives_probabilities
    assert model.calls((12, 16)) == 3
    assert model.notes()[0] == "(net1) was drawn from 1"


def test_it_obeys_the_laws_of_models():
    check_model(ensemble(1, 2), SOURCES)


class Sized(Drawn):
    resizes = True


def test_it_has_a_size_of_its_own_where_all_members_have_one():
    own, other = Sized(1), Drawn(2)
    assert EnsembleModel.of({"a": own, "b": own}).resizes
    assert not EnsembleModel.of({"a": other, "b": other}).resizes
    with pytest.raises(ModelError, match="members do not see images at one size: a by resize, b as the data set says"):
        EnsembleModel.of({"a": own, "b": other}).resizes  # noqa: B018


def test_without_a_feature_of_each_member_it_has_none():
    assert ensemble(1, 2, feature=False).predict(SOURCES)[0].feature is None


def test_members_of_other_classes_are_refused():
    other = LabelSpace("other", ("a", "c", "b"), ((0, 0, 0),) * 3)
    with pytest.raises(ModelError, match="one predicts the classes of three, and two those of other"):
        EnsembleModel.of({"one": Drawn(1), "two": Drawn(2, other)})
    with pytest.raises(ModelError, match="two models or more"):
        EnsembleModel.of({"one": Drawn(1)})


def test_its_content_is_that_of_its_members_in_their_order():
    one, two = Drawn(1, files={"/x/a.pth": "11"}), Drawn(2, files={"/x/b.pth": "22"})
    model = EnsembleModel.of({"one": one, "two": two})
    renamed = EnsembleModel.of({"first": one, "second": two})
    assert model.fingerprint() == renamed.fingerprint()
    assert model.fingerprint() != EnsembleModel.of({"two": two, "one": one}).fingerprint()
    assert model.provenance()["files"] == {"/x/a.pth": "11", "/x/b.pth": "22"}
    assert {"11", "22"} < set(model.file_hashes())
    assert EnsembleModel.of({"one": one, "two": Drawn(2)}).file_hashes() == ()


def test_options_of_its_own_are_those_of_members():
    members = {"a": lambda: Drawn(1), "b": lambda: Drawn(2)}
    loaded = EnsembleModel.load(ModelOptions("both", "ensemble", "", members=members))
    assert list(loaded.members) == ["a", "b"]
    with pytest.raises(ModelError, match="model both: mean applies to its members; write it there"):
        EnsembleModel.load(ModelOptions("both", "ensemble", "", members=members, mean=(0, 0, 0)))
    with pytest.raises(ModelError, match="model both: precision applies to its members; write it there"):
        EnsembleModel.load(ModelOptions("both", "ensemble", "", members=members, precision="bfloat16"))
    with pytest.raises(ModelError, match="model both: an ensemble needs members"):
        EnsembleModel.load(ModelOptions("both", "ensemble", ""))


def configured(*members):
    both = {"name": "both", "kind": "ensemble", "members": list(members)}
    models = [both, *({"name": n, "kind": "stored", "where": n, "labels": "camvid"} for n in ("a", "b", "c"))]
    return parse_config({"models": models, "datasets": [{"name": "d", "spec": "camvid", "root": "data"}]})


def test_a_configuration_names_members_wherever_they_stand(tmp_path):
    sources = model_loaders(configured("c", "a").models, tmp_path, parse_settings({}))
    assert [source.name for source in sources] == ["both", "a", "b", "c"]
    with pytest.raises(ModelError, match="model c: "):  # its folder is not there: members are loaded in their order
        sources[0].load()


@pytest.mark.parametrize(
    ("members", "line"),
    [
        (("a", "a"), "ensemble both names 'a' twice; name each member once"),
        (("a", "d"), "ensemble both: no model is named 'd'"),
        (("a", "both"), "ensemble both: both is one itself; name its members"),
        (("a",), "an ensemble needs members, the names of two models or more, and no where"),
    ],
)
def test_members_that_cannot_be_are_refused_by_name(members, line):
    with pytest.raises(ConfigError, match=line):
        configured(*members)
