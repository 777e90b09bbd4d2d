"""What users of Python meet is shown on one short line, whatever is in it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from helpers.deployed import predictor_in_memory
from helpers.simulated_run import write_simulated_run
from helpers.street import make_street

import reliseg
from reliseg.calibration import Calibration, calibrator
from reliseg.config.schema import read_config
from reliseg.deploy.acceptance import Acceptance
from reliseg.deploy.result import CalibratedImage
from reliseg.labels import LabelSpace
from reliseg.models import Model
from reliseg.plan.build import plan_from_config
from reliseg.results.curves import Curves

MANY = LabelSpace("many", tuple(f"class {i}" for i in range(150)), ((0, 0, 0),) * 150)


@dataclass(frozen=True, eq=False)
class Plugin(Model):
    """A kind of another package."""

    labels: LabelSpace
    table: np.ndarray

    @classmethod
    def load(cls, options):
        raise NotImplementedError

    def predict(self, inputs):
        raise NotImplementedError

    def provenance(self):
        return {}


@dataclass(frozen=True)
class Matrix(Calibration):
    """A calibration of another package, with many parameters."""

    keeps_argmax = False
    weights: tuple[tuple[float, ...], ...]
    rate: float

    def __call__(self, prediction):
        raise NotImplementedError


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory):
    return make_street(tmp_path_factory.mktemp("street"), cal=2, day=3, dusk=2)


def test_data_sets_and_plans_say_their_domains_and_counts(street):
    data = reliseg.open_dataset("camvid", street.root / "data", domains={"day": {"split": "train"}})
    assert repr(data) == "DataSet('camvid': day (3 samples in 2 scenes); 11 classes of camvid)"
    assert repr(data.domains) == "{'day': Domain('day': 3 samples in 2 scenes)}"
    plan = plan_from_config(read_config(street.config), street.root)
    assert repr(plan) == "Plan(net on street/day, street/dusk; 1 calibration)"
    assert repr(plan.tests[0]) == "Target(street/day: 3 samples in 2 scenes)"


def test_models_say_their_kind_and_classes(street):
    model = reliseg.open_model(lambda image: np.zeros((11, *image.shape[:2])), labels="camvid", name="mine")
    assert repr(model) == "PythonModel('mine': 11 classes of camvid)"
    stored = reliseg.open_model(f"stored:{street.root / 'logits'}", labels="camvid")
    assert repr(stored) == f"StoredModel('{street.root / 'logits'}': 11 classes of camvid)"
    both = reliseg.ensemble({"a": model, "b": model})
    assert repr(both) == "EnsembleModel(a, b: 11 classes of camvid)"
    assert repr(Plugin(MANY, np.zeros(10**6))) == "Plugin(150 classes of many)"


def test_calibrations_shorten_their_parameters():
    assert repr(Matrix(((0.5,) * 150,) * 150, 0.1)).endswith("..., rate=0.1)")
    assert repr(calibrator("ts")).startswith("Temperature(")
    for shown in (Matrix(((0.5,) * 150,) * 150, 0.1), MANY):
        assert len(repr(shown)) < 200


def test_a_predictor_says_its_model_calibration_and_classes():
    shown = repr(predictor_in_memory())
    assert shown.startswith("Predictor(")
    assert len(shown) < 120


@pytest.mark.slow
def test_what_a_run_gives_is_shown_on_one_short_line(street, tmp_path):
    reliseg.run_config(street.config, street.root / "out")
    results = reliseg.Results.read(street.root / "out")
    table = reliseg.compare(results, "ece")
    record = reliseg.load_calibration(next(Path(street.root / "out" / "calibrations").glob("*/*.json")))
    prediction = reliseg.Prediction(np.zeros((11, 9, 12), np.float32), (36, 48))
    curves = Curves.read(write_simulated_run(tmp_path))
    shown = [results, results.images, results.images.rows[0], table, table.lines[0], record, record.calibration]
    for one in [*shown, prediction, curves, curves.states[0], results.source]:
        assert "\n" not in repr(one)
        assert len(repr(one)) < 250
    image = CalibratedImage.of("a.png", prediction, Acceptance())
    assert repr(image) == "CalibratedImage('a.png': height 36, width 48)"
    assert repr(prediction) == "Prediction(11 classes at height 9, width 12, of an image of height 36, width 48)"
    assert repr(record).startswith("Record(ts@street/cal of net: Scaled(temperature=")
