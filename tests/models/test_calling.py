"""Models of other packages: whatever they do, one line names them."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from reliseg.errors import ModelError, SampleError
from reliseg.labels import LabelSpace
from reliseg.models import MODELS, Input, Model, ModelOptions
from reliseg.models.calling import load_model, predict_with
from reliseg.prediction import Prediction

SPACE = LabelSpace("two", ("a", "b"), ((0, 0, 0),) * 2)
SOURCE = Input("day/1", (4, 6), np.zeros((4, 6, 3), np.uint8))
PLAIN = Prediction(np.zeros((2, 2, 3), np.float32), size=(4, 6))


class Foreign(Model):
    """A model of this file, which is no part of reliseg."""

    labels = SPACE

    def __init__(self, answer: Callable[[], Any]) -> None:
        self.answer = answer

    @classmethod
    def load(cls, options: ModelOptions) -> "Foreign":
        print("loading")
        return options.args["load"]()  # type: ignore[no-any-return]

    def predict(self, inputs: Sequence[Input]) -> list[Prediction]:
        print("predicting")
        return self.answer()  # type: ignore[no-any-return]

    def provenance(self) -> dict[str, Any]:
        return {}


def fail(error: BaseException) -> Callable[[], Any]:
    def raise_it() -> Any:
        raise error

    return raise_it


def without(**changes: Any) -> Foreign:
    model = Foreign(lambda: [PLAIN])
    for name, value in changes.items():
        setattr(model, name, value)
    return model


def load(monkeypatch: pytest.MonkeyPatch, function: Callable[[], Any]) -> Model:
    monkeypatch.setattr(type(MODELS), "get", lambda registry, name: Foreign)
    return load_model("foreign", ModelOptions(name="net", kind="foreign", where="x", args={"load": function}))


def test_what_loads_and_predicts_is_given_back(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model = load(monkeypatch, lambda: Foreign(lambda: (PLAIN,)))
    assert predict_with(model, [SOURCE]) == [PLAIN]
    assert capsys.readouterr() == ("", "loading\npredicting\n")


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (fail(ValueError("seven")), "raised ValueError: seven$"),
        (fail(SystemExit(3)), "raised SystemExit: 3$"),
        (fail(FileNotFoundError()), "raised FileNotFoundError$"),
        (lambda: None, "gives a NoneType, which is no Model$"),
        (lambda: without(labels=None), "gives a model without labels, the LabelSpace of its classes$"),
        (lambda: without(provenance=fail(KeyError("files"))), "raised KeyError: 'files'$"),
        (lambda: without(provenance=lambda: None), "gives a NoneType as provenance, which is no dict$"),
    ],
)
def test_a_model_that_cannot_be_loaded_is_named(
    monkeypatch: pytest.MonkeyPatch, function: Callable[[], Any], text: str
) -> None:
    with pytest.raises(ModelError, match=rf"^model net: Foreign of the package {__name__.partition('.')[0]} {text}"):
        load(monkeypatch, function)


def test_errors_of_our_own_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelError, match=r"^no folder$"):
        load(monkeypatch, fail(ModelError("no folder")))
    with pytest.raises(SampleError, match=r"^day/1: broken$"):
        predict_with(Foreign(fail(SampleError("day/1", "broken"))), [SOURCE])


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (fail(ValueError("seven")), "raised ValueError: seven"),
        (lambda: None, "raised TypeError: "),
        (lambda: [PLAIN, PLAIN], "gives 2 predictions for 1 images"),
        (lambda: [np.zeros((2, 2, 3))], "gives a ndarray in the place of a Prediction"),
        (lambda: [Prediction(np.zeros((2, 2, 3)), (4, 6))], "gives logits of float64; float32 arrays"),
        (lambda: [Prediction([[1.0]], (4, 6))], "gives logits of list; float32 arrays of NumPy are needed"),
        (lambda: [Prediction(np.zeros((2, 3), np.float32), (4, 6))], "gives logits of shape 2 x 3, not classes"),
        (lambda: [Prediction(np.zeros((3, 2, 3), np.float32), (4, 6))], "gives 3 classes, label space two has 2"),
    ],
)  # type: ignore[arg-type]
def test_a_prediction_that_breaks_the_interface_is_named(answer: Callable[[], Any], text: str) -> None:
    with pytest.raises(ModelError, match=rf"^Foreign of the package {__name__.partition('.')[0]} {text}"):
        predict_with(Foreign(answer), [SOURCE])


@pytest.mark.parametrize(
    ("name", "value"),
    [("transform", lambda z: z), ("inverse_temperatures", np.ones(3)), ("pixel_factors", np.ones((4, 6)))],
)
def test_a_prediction_of_a_model_is_not_calibrated_yet(name: str, value: Any) -> None:
    with pytest.raises(ModelError, match=f"gives a Prediction with {name}, a step that follows the model"):
        predict_with(Foreign(lambda: [replace(PLAIN, **{name: value})]), [SOURCE])


def test_a_prediction_without_a_score_that_the_model_names_is_refused() -> None:
    class Sure(Foreign):
        gives_scores = ("rba",)

    with pytest.raises(ModelError, match="gives a Prediction without the score rba, which its gives_scores names"):
        predict_with(Sure(lambda: [PLAIN]), [SOURCE])
    given = replace(PLAIN, score_maps={"rba": lambda rows: np.zeros((1, 6), np.float32)})
    assert predict_with(Sure(lambda: [given]), [SOURCE]) == [given]
