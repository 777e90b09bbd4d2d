"""From sections of a configuration to data sets and models: paths, options, and the first samples of a domain."""

from dataclasses import fields
from pathlib import Path

import pytest
from helpers.plans import SilentModel, dataset_of

from reliseg.config.inputs import IN_MEMORY, DataConfig, ModelConfig
from reliseg.config.schema import parse_settings
from reliseg.errors import ConfigError, MissingExtraError, ModelError
from reliseg.models import Augmented, ModelOptions, Pad, Slide
from reliseg.models.kinds.stored import StoredModel
from reliseg.plan.open import limit_samples, model_loader, open_configured_dataset

SECTION = {
    "name": "net",
    "kind": "stored",
    "where": "logits",
    "weights": "~/w.pth",
    "labels": "camvid",
    "upsampling": {"align_corners": True},
    "mean": (0.1, 0.2, 0.3),
    "std": (1.0, 2.0, 3.0),
    "resize": (4, 6),
    "feature": "head",
    "precision": "bfloat16",
    "key": "ema",
    "values": "probabilities",
    "output": "0.out",
    "args": {"a": 1},
    "interpolation": "opencv",
    "pad": Pad(32),
    "slide": Slide((7, 8), (5, 6)),
    "tta": Augmented(flip=True),
    "mc_dropout": 8,
    "masks": "native",
}


class Loader:
    """Stands for a kind of model: it keeps the options, or raises."""

    def __init__(self, error=None):
        self.error, self.options = error, None

    def load(self, options):
        self.options = options
        if self.error:
            raise self.error
        return SilentModel(options.name)


def loader_of(monkeypatch, loader):
    monkeypatch.setattr(StoredModel, "load", loader.load)
    return model_loader(
        ModelConfig.model_validate(SECTION), Path("here"), parse_settings({"device": "cpu", "threads": 3, "seed": 5})
    )


def test_every_option_of_a_section_reaches_the_model(monkeypatch):
    loader = Loader()
    source = loader_of(monkeypatch, loader)
    assert loader.options is None  # it is loaded when its turn comes
    source.load()
    options = loader.options
    assert (options.labels.name, options.align_corners, options.threads, options.seed) == ("camvid", True, 3, 5)
    assert (options.weights, options.folder) == (Path("~/w.pth").expanduser(), Path("here"))
    same = set(SECTION) - {"labels", "weights", "upsampling"}
    assert {name: getattr(options, name) for name in same} == {name: SECTION[name] for name in same}
    unset = {f.name for f in fields(ModelOptions) if getattr(options, f.name) == f.default} - {"device"}
    assert not unset, "the section above names each option, with another value than its default"


def test_an_error_of_loading_names_the_model_once(monkeypatch):
    for error, text in (
        (ModelError("no folder"), "model net: no folder"),
        (ModelError("model net is bad"), "model net is bad"),
    ):
        with pytest.raises(ModelError) as caught:
            loader_of(monkeypatch, Loader(error)).load()
        assert str(caught.value) == text
    missing = MissingExtraError("torch", "torch", "model net")
    with pytest.raises(MissingExtraError):
        loader_of(monkeypatch, Loader(missing)).load()


def test_objects_in_memory_are_not_opened_from_a_file():
    with pytest.raises(ConfigError, match="model net was an object in Python"):
        model_loader(ModelConfig(name="net", kind=IN_MEMORY, where="x"), Path(), parse_settings({}))
    with pytest.raises(ConfigError, match="data set d was an object in Python"):
        open_configured_dataset(DataConfig(name="d", spec=IN_MEMORY, root="x"), Path())


def test_a_limit_leaves_the_first_samples_of_each_domain_and_those_of_its_members_to_a_union():
    dataset = dataset_of(
        {"a": ["s/1", "s/2", "s/3"], "b": ["t/1", "t/2"]}, unions={"both": ("b", "a"), "more": ("both",)}
    )
    assert limit_samples(dataset, None) is dataset
    limited = limit_samples(dataset, 2)
    ids = {name: [s.id for s in domain.samples] for name, domain in limited.domains.items()}
    both = ["s/1", "s/2", "t/1", "t/2"]
    assert ids == {"a": ["s/1", "s/2"], "b": ["t/1", "t/2"], "both": both, "more": both}


def test_an_unknown_label_space_is_refused_with_the_name_of_the_model():
    for labels, words in (("cityscape", "unknown label space 'cityscape'; did you mean"), ("x.toml", "no such file")):
        section = ModelConfig.model_validate({"name": "net", "kind": "stored", "where": "logits", "labels": labels})
        with pytest.raises(ConfigError, match=f"^model net: .*{words}"):
            model_loader(section, Path("here"), parse_settings({})).load()
