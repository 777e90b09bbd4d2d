"""`check_model`: a sound model passes, and each law catches a model that breaks it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from reliseg.errors import SampleError
from reliseg.models import Input, Model
from reliseg.prediction import Prediction
from reliseg.testing import check_model
from reliseg.testing.model import drawn_inputs
from reliseg.testing.worlds import space


class Colors(Model):
    """Three classes by colour: a sound model, which each case below breaks in one way."""

    labels = space(3)

    @classmethod
    def load(cls, options):
        return cls()

    def predict(self, inputs):
        return [self.prediction(i) for i in inputs]

    def prediction(self, source: Input) -> Prediction:
        if source.image is None:
            raise SampleError(source.id, "no image")
        coarse = source.image[::8, ::8].astype(np.float32)
        logits = np.ascontiguousarray(coarse.transpose(2, 0, 1)) / 32 - 4
        return Prediction(logits, source.size, feature=coarse.mean(axis=(0, 1)))

    def provenance(self):
        return {"kind": "colors", "files": {"a.bin": "0" * 64}}


class Stored(Colors):
    """The same predictions, known by id."""

    reads_images = False

    def prediction(self, source: Input) -> Prediction:
        return next(Colors.prediction(self, i) for i in drawn_inputs() if i.id == source.id)

    def missing(self, ids: Sequence[str]) -> dict[str, str]:
        return dict.fromkeys(sorted(set(ids) - {i.id for i in drawn_inputs()}), "it was not drawn")


def test_a_sound_model_passes():
    check_model(Colors())
    check_model(Stored(), [replace(i, image=None) for i in drawn_inputs()])


def test_drawn_inputs_differ_and_are_the_same_each_time():
    inputs = drawn_inputs(2)
    assert len({i.id for i in inputs}) == len({i.image.tobytes() for i in inputs}) == 4
    assert {i.size for i in inputs} == {(64, 128), (96, 96)}
    assert all(i.image.shape == (*i.size, 3) for i in inputs)
    for one, other in zip(inputs, drawn_inputs(2), strict=True):
        np.testing.assert_array_equal(one.image, other.image)


def variant(**members: Any) -> Model:
    """A `Colors` with other members."""
    return type("Variant", (Colors,), members)()


def predictions(change: Callable[[Prediction], object]) -> Model:
    """Every prediction is changed."""
    return variant(prediction=lambda self, source: change(Colors.prediction(self, source)))


def logits(change: Callable[[np.ndarray], Any]) -> Model:
    return predictions(lambda p: replace(p, logits=change(p.logits)))


class Counter:
    calls = 0

    def add(self, z: np.ndarray) -> np.ndarray:
        self.calls += 1
        return z + np.float32(self.calls)


class Counting(Colors):
    calls = 0

    def provenance(self):
        self.calls += 1
        return {"calls": self.calls}


class Changing(Colors):
    """The fingerprint is another one after a prediction."""

    calls = 0

    def predict(self, inputs):
        self.calls += 1
        return super().predict(inputs)

    def fingerprint(self):
        return f"after {bool(self.calls)}"


def sorted_by_brightness(self, inputs):
    return [self.prediction(i) for i in sorted(inputs, key=lambda i: 0 if i.image is None else i.image.mean())]


def normalised_by_batch(self, inputs):
    found = Colors.predict(self, inputs)
    mean = np.mean([p.logits.mean() for p in found])
    return [replace(p, logits=p.logits - mean) for p in found]


def draw_over(self, inputs):
    found = Colors.predict(self, inputs)
    inputs[0].image[0] = 0
    return found


def guess(self, source):
    return Colors.prediction(self, source if source.image is not None else drawn_inputs()[0])


def fail(error: Exception) -> None:
    raise error


def without_image(error: Callable[[Input], Exception]) -> Model:
    def prediction(self, source):
        return fail(error(source)) if source.image is None else Colors.prediction(self, source)

    return variant(prediction=prediction)


BROKEN: dict[str, tuple[object, str]] = {
    "no model": (lambda image: image, r"an object of a subclass of Model; its type is function"),
    "no labels": (variant(labels=("a", "b")), r"labels is the LabelSpace of its classes; its type is tuple"),
    "provenance that fails": (variant(provenance=lambda self: {}["a"]), r"provenance raises no error .* KeyError"),
    "provenance that is not JSON": (
        variant(provenance=lambda self: {"mean": np.zeros(3)}),
        r"json.dumps raises no error on provenance\(\); it raised TypeError: Object of type ndarray",
    ),
    "provenance in a list": (
        variant(provenance=lambda self: ["colors"]),
        r"provenance\(\) is a dict; its type is list",
    ),
    "files without hashes": (variant(provenance=lambda self: {"files": {"a.bin": 3}}), r"no sha256: \['a.bin'\]"),
    "another provenance each time": (Counting(), r"provenance\(\) is the same each time"),
    "no fingerprint": (variant(fingerprint=lambda self: None), r"fingerprint\(\) is one text.*; None, then None"),
    "another fingerprint later": (Changing(), r"fingerprint stays the same"),
    "an error": (
        variant(predict=lambda self, inputs: inputs[5]),
        r"predict raises no error on 3 images of height 64, width 128; it raised IndexError",
    ),
    "one prediction for all": (
        variant(predict=lambda self, inputs: [self.prediction(inputs[0])]),
        r"one prediction for each input; on 3 images of height 64, width 128 1",
    ),
    "images that are drawn over": (variant(predict=draw_over), r"does not change images; it changed drawn/64x128_0"),
    "arrays": (predictions(lambda p: p.logits), r"predict\(\) gives Predictions; the type of one is ndarray"),
    "lists": (logits(lambda z: z.tolist()), r"logits are a NumPy array; their type is list"),
    "float64": (logits(lambda z: z.astype(np.float64)), r"logits are float32; those of drawn/64x128_0 are float64"),
    "classes last": (logits(lambda z: z.transpose(1, 2, 0)), r"one class for each label; a prediction gives 8 classes"),
    "probabilities": (logits(lambda z: z * 0 + np.float32(1 / 3)), r"a prediction gives probabilities, not logits"),
    "probabilities that it does not speak of": (
        predictions(lambda p: Prediction.of_probabilities(p.logits * 0 + np.float32(1 / 3), p.size)),
        r"gives_probabilities says whether .*; it is False, and that of drawn/64x128_0 is not",
    ),
    "an infinite logit": (
        logits(lambda z: np.where(z > 0, np.float32(np.inf), z)),
        r"logits are finite, 16384 at most; .* NaN or infinite",
    ),
    "far logits": (logits(lambda z: z * np.float32(1e6)), r"logits are finite, 16384 at most"),
    "the size of the logits": (
        predictions(lambda p: replace(p, size=p.logits.shape[1:])),
        r"size of a prediction is that of the image; \(8, 16\) for drawn/64x128_0 of \(64, 128\)",
    ),
    "calibrated": (
        predictions(lambda p: replace(p, inverse_temperatures=np.ones(4))),
        r"neither projects nor calibrates its predictions; inverse_temperatures of drawn/64x128_0 is set",
    ),
    "a feature map": (predictions(lambda p: replace(p, feature=p.logits)), r"a feature is one finite float32 vector"),
    "luck": (logits(Counter().add), r"the same logits each time, to the last bit; drawn/64x128_0 has others"),
    "another order": (variant(predict=sorted_by_brightness), r"stand in the order of the inputs|alone has the logits"),
    "the batch": (variant(predict=normalised_by_batch), r"an image alone has the logits that it has in a batch"),
    "an error in missing": (variant(missing=lambda self, ids: ids["a"]), r"missing raises no error on the ids"),
    "an error in files": (variant(files=lambda self, sample: sample / 2), r"files raises no error on the id"),
    "known as missing": (
        variant(missing=lambda self, ids: list(ids)),
        r"missing\(\) names only samples that it cannot",
    ),
    "files as text": (variant(files=lambda self, sample: "a.npz"), r"files\(\) gives a tuple of paths; 'a.npz'"),
    "an image made up": (variant(prediction=guess), r"is a SampleError with its id; it was predicted"),
    "an error without a name": (
        without_image(lambda source: ValueError("no image")),
        r"is a SampleError with its id; it raised ValueError: no image",
    ),
    "an error of another sample": (
        without_image(lambda source: SampleError("other", "no image")),
        r"is a SampleError with its id; the error names 'other'",
    ),
    "no inputs": (Stored(), r"inputs are needed where a model reads no images"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_model_that_breaks_a_law_is_told_which(case):
    model, message = BROKEN[case]
    with pytest.raises(AssertionError, match=message) as caught:
        check_model(model)
    assert str(caught.value).startswith(f"model {type(model).__name__}: ")
