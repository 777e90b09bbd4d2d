import argparse
import copy
import fractions
import json
import re
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np
import pytest
import torch

from reliseg.errors import ModelError, ReliSegError, SampleError
from reliseg.labels import label_space
from reliseg.models import MODELS, Input, ModelOptions
from reliseg.models.kinds.python import PythonModel
from reliseg.testing import check_model

NETWORK = """
    import torch
    from torch import nn

    class Net(nn.Module):
        def __init__(self, classes=11, form="tensor"):
            super().__init__()
            self.head = nn.Conv2d(3, classes, 3, stride=4, padding=1)
            self.form = form

        def forward(self, x):
            y = self.head(x)
            forms = {"tensor": y, "out": {"out": y}, "logits": {"logits": y}, "tuple": (y, None), "list": [{"out": y}]}
            return forms[self.form] if self.form in forms else {"masks": y}

    def build(classes=11, form="tensor"):
        torch.manual_seed(0)
        return Net(classes, form)
"""
PLAIN = """
    import numpy as np
    from reliseg.prediction import Prediction

    def logits(image):
        return np.stack([image[::4, ::4, 0] / np.float32(c + 1) for c in range(11)])

    def build(form="numpy"):
        if form == "numpy":
            return logits
        if form == "torch":
            import torch
            return lambda image: torch.from_numpy(logits(image)).requires_grad_()
        return lambda image: Prediction(logits(image), (1, 1), align_corners=True, feature=np.ones(3, np.float32))
"""


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., ModelOptions]:
    def save(text: str, *, name: str = "net.py", **changes: Any) -> ModelOptions:
        (tmp_path / name).write_text(dedent(text))
        where, labels = f"{name}:build", label_space("camvid")
        options = ModelOptions(name="mine", kind="python", where=where, labels=labels, folder=tmp_path, threads=1)
        return replace(options, **changes)

    return save


def image(height: int = 32, width: int = 48, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def inputs_of(*images: np.ndarray) -> list[Input]:
    return [Input(f"day/{i}", im.shape[:2], im) for i, im in enumerate(images)]


def refusal(options: ModelOptions) -> str:
    with pytest.raises(ReliSegError) as caught:
        PythonModel.load(options)
    text = str(caught.value)
    assert "\n" not in text
    assert "Traceback" not in text
    return text


def reference_logits(images: list[np.ndarray]) -> np.ndarray:
    torch.manual_seed(0)
    head = torch.nn.Conv2d(3, 11, 3, stride=4, padding=1)
    pixels = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 255
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    with torch.no_grad():
        return head((pixels - mean.view(3, 1, 1)) / std.view(3, 1, 1)).numpy()


def test_the_registry_knows_it() -> None:
    assert MODELS.get("python") is PythonModel


@pytest.mark.parametrize("text", [NETWORK, PLAIN])
def test_it_obeys_the_laws_of_models(write: Callable[..., ModelOptions], text: str) -> None:
    check_model(PythonModel.load(write(text)))


@pytest.mark.parametrize("form", ["tensor", "out", "logits", "tuple", "list"])
def test_a_module_gets_normalised_images(write: Callable[..., ModelOptions], form: str) -> None:
    model = PythonModel.load(write(NETWORK, args={"form": form}))
    images = [image(seed=1), image(seed=2)]
    predictions = model.predict(inputs_of(*images))
    np.testing.assert_allclose(np.stack([p.logits for p in predictions]), reference_logits(images), atol=1e-5)
    assert {(p.size, p.align_corners, p.feature) for p in predictions} == {((32, 48), False, None)}
    assert all(p.logits.dtype == np.float32 for p in predictions)


def test_an_object_with_logits(write: Callable[..., ModelOptions]) -> None:
    text = NETWORK + "\n    from types import SimpleNamespace\n"
    text += "    Net.forward = lambda self, x: SimpleNamespace(logits=self.head(x))\n"
    [prediction] = PythonModel.load(write(text)).predict(inputs_of(image()))
    np.testing.assert_allclose(prediction.logits, reference_logits([image()])[0], atol=1e-5)


@pytest.mark.parametrize("form", ["numpy", "torch", "prediction"])
def test_a_callable_gets_the_image_itself(write: Callable[..., ModelOptions], form: str) -> None:
    [prediction] = PythonModel.load(write(PLAIN, args={"form": form})).predict(inputs_of(image()))
    np.testing.assert_allclose(prediction.logits[1], image()[::4, ::4, 0] / 2)
    assert (prediction.size, prediction.align_corners) == ((32, 48), form == "prediction")
    assert (prediction.feature is None) == (form != "prediction")
    assert prediction.logits.dtype == np.float32


def test_a_callable_cannot_change_the_image(write: Callable[..., ModelOptions]) -> None:
    text = (
        PLAIN
        + "\n    def build():\n        def run(image):\n            image[:] = 0\n            return logits(image)\n"
    )
    [given_image] = inputs_of(image())
    PythonModel.load(write(text + "        return run\n")).predict([given_image])
    np.testing.assert_array_equal(given_image.image, image())


def test_options_reach_the_network(write: Callable[..., ModelOptions]) -> None:
    options = write(NETWORK, resize=(16, 24), align_corners=True, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    model = PythonModel.load(options)
    [prediction] = model.predict(inputs_of(image()))
    assert (prediction.logits.shape, prediction.size, prediction.align_corners) == ((11, 4, 6), (32, 48), True)
    constant = np.full((32, 48, 3), 51, np.uint8)
    torch.manual_seed(0)
    head = torch.nn.Conv2d(3, 11, 3, stride=4, padding=1)
    [same] = model.predict(inputs_of(constant))
    np.testing.assert_allclose(same.logits, head(torch.full((1, 3, 16, 24), 0.2))[0].detach().numpy(), atol=1e-5)


def test_labels_are_required(write: Callable[..., ModelOptions]) -> None:
    assert refusal(write(NETWORK, labels=None)).startswith("model mine: give labels")


def test_the_number_of_classes_is_checked(write: Callable[..., ModelOptions]) -> None:
    text = refusal(write(NETWORK, args={"classes": 21}))
    assert text.startswith("model mine gives 21 classes, label space camvid has 11; set labels")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("def build(): ...\n", "net.py:build returns a NoneType; it must return a torch.nn.Module or a callable"),
        ("def build():\n    return lambda image: image[9999]\n", "raised IndexError: index 9999 is out of bounds"),
        (
            "def build():\n    return lambda image: image\n",
            "gives uint8 of 512 x 1024 x 3; it must give floats, classes x height x width",
        ),
        (
            "def build():\n    return lambda image: image[:, :, 0] / 2\n",
            "gives float64 of 512 x 1024; it must give floats, classes x height x width",
        ),
    ],
)
def test_a_result_that_is_no_model(write: Callable[..., ModelOptions], text: str, problem: str) -> None:
    assert problem in refusal(write(text))


def test_an_output_that_is_no_logits(write: Callable[..., ModelOptions]) -> None:
    text = NETWORK + "\n    Net.forward = lambda self, x: {'x': None}\n"
    assert "model mine gives a dict with x, and no array or tensor of logits" in refusal(write(text))
    text = NETWORK + "\n    Net.forward = lambda self, x: self.head(x)[0]\n"
    assert "gives a tensor of 11 x 128 x 256 for 1 image, not N x C x h x w; keep the batch dimension" in refusal(
        write(text)
    )


PICKY = """
    import numpy as np
    def build():
        def run(image):
            if image.max() == 7:
                raise ValueError("seven")
            if image.shape[0] == 64:
                raise ValueError("too small")
            return np.zeros((11, 2, 2), np.float32)
        return run
"""


def test_the_second_trial_size_is_for_models_that_refuse_the_first(write: Callable[..., ModelOptions]) -> None:
    assert len(PythonModel.load(write(PICKY)).predict(inputs_of(image()))) == 1


def test_a_failing_image_is_named_and_a_failing_batch_fails_as_a_whole(write: Callable[..., ModelOptions]) -> None:
    model = PythonModel.load(write(PICKY))
    seven = np.full((32, 48, 3), 7, np.uint8)
    with pytest.raises(SampleError) as caught:
        model.predict(inputs_of(seven))
    assert str(caught.value) == (
        "day/0: model mine raised ValueError: seven (net.py, line 6) (image: height 32, width 48)"
    )
    with pytest.raises(ModelError) as batch:
        model.predict(inputs_of(image(), seven, image()))
    assert str(batch.value) == "model mine raised ValueError: seven (net.py, line 6)"
    with pytest.raises(SampleError, match="needs an image, and none was given"):
        model.predict([Input("day/9", (4, 4))])


def test_other_options_that_cannot_be(write: Callable[..., ModelOptions]) -> None:
    assert "write [h, w], {long: n, short: m}, or none" in refusal(write(NETWORK, resize="processor"))
    assert "masks applies to networks that classify masks" in refusal(write(PLAIN, masks="image"))
    assert "masks applies to networks that classify masks" in refusal(write(NETWORK, masks="image"))
    assert "mean applies only to torch modules" in refusal(write(PLAIN, mean=(0.0, 0.0, 0.0)))
    assert "no device 'cuda'" in refusal(write(NETWORK, device="cuda")) or torch.cuda.is_available()
    assert "no device 'quantum'" in refusal(write(NETWORK, device="quantum"))


def test_settings_are_put_back_and_told(write: Callable[..., ModelOptions]) -> None:
    threads = torch.get_num_threads()
    text = NETWORK + "\n    Net.forward = lambda self, x: self.head(x) * 0 + torch.get_num_threads()\n"
    model = PythonModel.load(write(text, device="auto", threads=3))
    assert (model.predict(inputs_of(image()))[0].logits == 3).all()
    assert torch.get_num_threads() == threads
    assert float(np.float32(1e-40) * np.float32(1)) > 0
    facts = model.provenance()
    assert (facts["class"], facts["parameters"], facts["threads"], facts["tf32"]) == ("Net", 308, 3, False)
    assert not torch.backends.cuda.matmul.allow_tf32


def test_weights_replace_those_of_the_function(write: Callable[..., ModelOptions], tmp_path: Path) -> None:
    state = {"head.weight": torch.zeros(11, 3, 3, 3), "head.bias": torch.full((11,), 3.0)}
    torch.save(state, tmp_path / "w.pth")
    model = PythonModel.load(write(NETWORK, weights=Path("w.pth")))
    assert (model.predict(inputs_of(image()))[0].logits == 3).all()
    assert len(model.provenance()["files"][(tmp_path / "w.pth").as_posix()]) == 64
    assert "feature applies only to torch modules" in refusal(write(PLAIN, feature="body"))
    assert "weights applies only to torch modules" in refusal(write(PLAIN, weights=Path("w.pth")))


@pytest.mark.parametrize("form", ["softmax", "half", "callable"])
def test_probabilities_are_not_taken_for_logits(write: Callable[..., ModelOptions], form: str) -> None:
    ends = {"softmax": "y.softmax(1)", "half": "y.softmax(1).half()", "callable": "y.softmax(1)"}
    text = NETWORK.replace('return forms[self.form] if self.form in forms else {"masks": y}', f"return {ends[form]}")
    if form == "callable":
        text += "\n    net = build()\n"
        text += "    def build():\n        return lambda image: net(torch.rand(1, 3, 8, 8))[0].detach().numpy()\n"
    assert "model mine gives probabilities, not logits (they sum to 1 in each pixel); leave out" in refusal(write(text))


def test_values_from_0_to_1_are_logits_only_where_that_is_said(write: Callable[..., ModelOptions]) -> None:
    text = NETWORK.replace("y = self.head(x)", "y = self.head(x).sigmoid()")
    with pytest.raises(SampleError, match=r"model mine gives probabilities, not logits \(all values are from 0 to 1\)"):
        PythonModel.load(write(text)).predict(inputs_of(image()))
    [prediction] = PythonModel.load(write(text, values="logits")).predict(inputs_of(image()))
    assert prediction.logits.min() >= 0
    assert prediction.logits.max() <= 1


def test_probabilities_are_taken_where_that_is_said(write: Callable[..., ModelOptions]) -> None:
    plain, soft = (NETWORK, NETWORK.replace("y = self.head(x)", "y = self.head(x).softmax(1)"))
    [logits] = PythonModel.load(write(plain)).predict(inputs_of(image()))
    model = PythonModel.load(write(soft, values="probabilities"))
    [prediction] = model.predict(inputs_of(image()))
    assert model.gives_probabilities
    assert model.provenance()["values"] == "probabilities"
    assert prediction.logits.shape == (11, *prediction.size)
    z = logits.logits.astype(np.float64)
    p = np.exp(z - z.max(axis=0))
    np.testing.assert_allclose(prediction.probabilities, p / p.sum(axis=0), rtol=1e-5)
    assert "gives -" in refusal(write(plain, values="probabilities"))


def save_program(folder: Path, seed: int = 0) -> None:
    torch.manual_seed(seed)
    head = torch.nn.Sequential(torch.nn.Conv2d(3, 11, 3, stride=4, padding=1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.script(head).save(str(folder / "program.pt"))


SCRIPTED = """
    import torch, warnings
    from pathlib import Path

    def build():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            return torch.jit.load(Path(__file__).with_name("program.pt"))
"""


def test_a_torchscript_module(write: Callable[..., ModelOptions], tmp_path: Path) -> None:
    save_program(tmp_path)
    [prediction] = PythonModel.load(write(SCRIPTED)).predict(inputs_of(image()))
    np.testing.assert_allclose(prediction.logits, reference_logits([image()])[0], atol=1e-5)


def test_other_weights_in_a_program_are_another_model(write: Callable[..., ModelOptions], tmp_path: Path) -> None:
    def fingerprint(seed: int) -> str:
        save_program(tmp_path, seed)
        return PythonModel.load(write(SCRIPTED)).fingerprint()

    assert fingerprint(0) == fingerprint(0) != fingerprint(1)


READING = """
    import numpy as np
    from pathlib import Path

    def build(tables):
        folder = Path(__file__).parent
        shift = np.load(folder / tables["shift"])
        return lambda image: np.zeros((11, *image.shape[:2]), np.float32) - shift
"""


def test_a_file_that_an_argument_names_is_part_of_the_model(write: Callable[..., ModelOptions], tmp_path: Path) -> None:
    def fingerprint(shift: float) -> str:
        np.save(tmp_path / "shift.npy", np.float32(shift))
        model = PythonModel.load(write(READING, args={"tables": {"shift": "shift.npy", "other": "none.npy"}}))
        assert any(file.endswith("shift.npy") for file in model.provenance()["files"])
        return model.fingerprint()

    assert fingerprint(1) == fingerprint(1) != fingerprint(2)


@pytest.mark.parametrize("kind", ["float32", "bfloat16", "bool"])
def test_a_state_of_any_type_tells_models_apart(write: Callable[..., ModelOptions], kind: str) -> None:
    def fingerprint(value: int) -> str:
        more = f"y = self.head(x)\n            self.register_buffer('more', torch.tensor({value}, dtype=torch.{kind}))"
        return PythonModel.load(write(NETWORK.replace("y = self.head(x)", more))).provenance()["state_sha256"]

    assert fingerprint(0) == fingerprint(0) != fingerprint(1)


def with_forward(body: str) -> str:
    return (
        NETWORK + f"\n    def forward(self, x):\n        y = self.head(x)\n        {body}\n    Net.forward = forward\n"
    )


def test_of_two_heads_one_must_be_named(write: Callable[..., ModelOptions]) -> None:
    text = with_forward("return y * 0, y")
    assert "gives 2 arrays of 11 channels, one for each class: 0 (1 x 11 x " in refusal(write(text))
    assert "has no output '2'; it gives 0 (1 x 11 x " in refusal(write(text, output=2))
    model = PythonModel.load(write(text, output="1"))
    [prediction] = model.predict(inputs_of(image()))
    np.testing.assert_allclose(prediction.logits, reference_logits([image()])[0], atol=1e-5)
    assert model.provenance()["output"] == "1"


def test_of_outputs_with_other_channels_the_only_one_that_fits_is_taken_and_told(
    write: Callable[..., ModelOptions],
) -> None:
    model = PythonModel.load(write(with_forward("return {'feature': x, 'seg': y}")))
    [prediction] = model.predict(inputs_of(image()))
    np.testing.assert_allclose(prediction.logits, reference_logits([image()])[0], atol=1e-5)
    assert model.provenance()["output"] == "seg"


def test_a_callable_may_give_several_arrays_or_a_plane_for_each_class(write: Callable[..., ModelOptions]) -> None:
    for body in ("(image[:1].astype(float), logits(image))", "list(logits(image))", "logits(image).tolist()"):
        text = f"{PLAIN}\n    def build():\n        return lambda image: {body}\n"
        [prediction] = PythonModel.load(write(text)).predict(inputs_of(image()))
        np.testing.assert_allclose(prediction.logits[1], image()[::4, ::4, 0] / 2)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("logits(image)[None]", "gives float32 of 1 x 11 x 128 x 256; .*; leave out the batch dimension"),
        ("logits(image).transpose(0, 2, 1)", "gives logits of 11 x 256 x 128 .*: height and width are swapped"),
        ("logits(image).transpose(1, 2, 0)", "gives logits of 128 x 256 x 11, channels last"),
        ("logits(image).astype(int)", "gives int64 of 11 x 128 x 256; it must give floats"),
        ("logits(image) + 1j", "gives complex64 of 11 x 128 x 256; it must give floats"),
        ("Prediction(logits(image).argmax(0), (1, 1))", "gives int64 of 128 x 256; it must give floats"),
        (
            "Prediction(logits(image), (1, 1), feature='x')",
            "gives a feature of .* of a single number; it must be one vector",
        ),
        (
            "Prediction(logits(image), (1, 1), feature=np.ones((2, 2)))",
            "gives a feature of float64 of 2 x 2; it must be",
        ),
        ("Prediction(logits(image), (1, 1), feature=np.float32([np.nan]))", "gives a feature .*finite numbers"),
        ("__import__('torch').tensor(logits(image)).to_sparse()", "gives a tensor of layout sparse_coo; it must give"),
        ("[None]", "gives a list with 0, and no array or tensor of logits"),
    ],
)
def test_an_array_in_another_form_is_named(write: Callable[..., ModelOptions], body: str, problem: str) -> None:
    text = f"{PLAIN}\n    def build():\n        return lambda image: {body}\n"
    assert re.search(problem, refusal(write(text)))


def test_swapped_and_channels_last_stacks_are_named(write: Callable[..., ModelOptions]) -> None:
    assert "height and width are swapped" in refusal(write(with_forward("return y.transpose(2, 3)")))
    assert "channels last" in refusal(write(with_forward("return y.permute(0, 2, 3, 1)")))


def test_padded_logits_are_noted_on_the_image(write: Callable[..., ModelOptions]) -> None:
    model = PythonModel.load(
        write(with_forward("return torch.nn.functional.pad(y, (0, 0, 0, y.shape[3] - y.shape[2]))"))
    )
    assert model.notes() == []  # the gray image of the trial is not the user's
    model.predict(inputs_of(image()))
    assert (
        "gives logits of height 12, width 12 for an image of height 32, width 48, which has other proportions"
        in model.notes()[0]
    )


def test_layers_that_a_forward_trains_are_noted(write: Callable[..., ModelOptions]) -> None:
    text = NETWORK.replace("self.form = form", "self.form = form; self.norm = nn.BatchNorm2d(3)")
    text = text.replace("y = self.head(x)", "self.train(); y = self.head(self.norm(x))")
    assert (
        PythonModel.load(write(text))
        .notes()[0]
        .startswith("has layers in training mode although eval() was called: norm")
    )


def test_half_precision_weights_get_the_hint_to_precision(write: Callable[..., ModelOptions]) -> None:
    text = NETWORK.replace("return Net(classes, form)", "return Net(classes, form).half()")
    assert "its weights are float16 and images float32: let the function return module.float()" in refusal(write(text))
    assert "set precision: float16" in refusal(write(text))


def test_a_mean_of_other_images_is_refused(write: Callable[..., ModelOptions]) -> None:
    assert "mean is [123.7, 116.3, 103.5], and images are in 0..1" in refusal(
        write(NETWORK, mean=(123.7, 116.3, 103.5))
    )
    assert "give positive numbers" in refusal(write(NETWORK, std=(0.2, 0.0, 0.2)))


def test_a_program_of_torch_export(write: Callable[..., ModelOptions]) -> None:
    text = NETWORK.replace("return Net(classes, form)", "return program")
    text = text.replace(
        "torch.manual_seed(0)",
        "torch.manual_seed(0); program = torch.export.export(Net(), example, "
        "dynamic_shapes={'x': {2: torch.export.Dim('h', min=8), 3: torch.export.Dim('w', min=8)}})",
    )
    text = text.replace("program =", "example = (torch.zeros(1, 3, 64, 96),); program =")
    for returned in ("program", "program.module()"):
        model = PythonModel.load(write(text.replace("return program", f"return {returned}")))
        [prediction] = model.predict(inputs_of(image()))
        np.testing.assert_allclose(prediction.logits, reference_logits([image()])[0], atol=1e-5)


def test_a_program_of_torch_export_that_takes_one_size_says_which(write: Callable[..., ModelOptions]) -> None:
    text = NETWORK.replace(
        "return Net(classes, form)", "return torch.export.export(Net(), (torch.zeros(1, 3, 64, 96),))"
    )
    assert "takes images of height 64, width 96 alone; set resize: [64, 96], or slide with crop" in refusal(write(text))
    model = PythonModel.load(write(text, resize=(64, 96)))
    assert len(model.predict(inputs_of(image(), image()))) == 2


def test_what_a_users_code_prints_goes_to_the_error_stream(
    write: Callable[..., ModelOptions], capsys: pytest.CaptureFixture[str]
) -> None:
    text = "    print('import')\n" + NETWORK.replace("y = self.head(x)", "print('forward'); y = self.head(x)")
    text = text.replace("torch.manual_seed(0)", "print('build')")
    PythonModel.load(write(text)).predict(inputs_of(image()))
    out, err = capsys.readouterr()
    assert out == ""
    assert set(err.split()) == {"import", "build", "forward"}


def test_classes_of_a_checkpoint_are_compared(write: Callable[..., ModelOptions], tmp_path: Path) -> None:
    state = {"head.weight": torch.zeros(11, 3, 3, 3), "head.bias": torch.zeros(11)}
    names = list(label_space("camvid").classes)
    options = write(NETWORK, weights=Path("w.pth"))
    torch.save({"state_dict": state, "meta": {"CLASSES": [n.upper() for n in names]}}, tmp_path / "w.pth")
    assert PythonModel.load(options).notes() == []
    torch.save({"state_dict": state, "meta": {"CLASSES": ["heaven", *names[1:]]}}, tmp_path / "w.pth")
    [note] = PythonModel.load(options).notes()
    assert note.startswith(
        "its checkpoint names classes otherwise than label space camvid: 0 is 'heaven' and here 'sky'"
    )
    torch.save({"state_dict": state, "meta": {"CLASSES": names[::-1]}}, tmp_path / "w.pth")
    assert "its checkpoint has 'bicyclist' as class 0, and label space camvid as class 10" in refusal(options)


def test_weights_in_several_files_are_part_of_the_model(write: Callable[..., ModelOptions], tmp_path: Path) -> None:
    torch.save({"head.weight": torch.zeros(11, 3, 3, 3)}, tmp_path / "one.bin")
    torch.save({"head.bias": torch.arange(11.0)}, tmp_path / "two.bin")
    index = {"weight_map": {"head.weight": "one.bin", "head.bias": "two.bin"}}
    (tmp_path / "all.bin.index.json").write_text(json.dumps(index))
    model = PythonModel.load(write(NETWORK, weights=Path("all.bin.index.json")))
    (prediction,) = model.predict(inputs_of(image()))
    assert np.array_equal(prediction.logits[:, 0, 0], np.arange(11))
    files = [Path(name).name for name in model.provenance()["files"]]
    assert {"all.bin.index.json", "one.bin", "two.bin"} <= set(files)


def test_what_a_checkpoint_names_beside_weights_is_noted(write: Callable[..., ModelOptions], tmp_path: Path) -> None:
    state = {"head.weight": torch.zeros(11, 3, 3, 3), "head.bias": torch.zeros(11)}
    torch.save({"state_dict": state, "args": argparse.Namespace(lr=1)}, tmp_path / "w.pth")
    assert PythonModel.load(write(NETWORK, weights=Path("w.pth"))).notes() == []
    torch.save({"state_dict": state, "when": fractions.Fraction(1, 2)}, tmp_path / "w.pth")
    [note] = PythonModel.load(write(NETWORK, weights=Path("w.pth"))).notes()
    assert note == "its checkpoint holds more than weights; left out and not run: fractions.Fraction"


def test_a_key_names_the_weights(write: Callable[..., ModelOptions], tmp_path: Path) -> None:
    def state(bias: float) -> dict[str, torch.Tensor]:
        return {"head.weight": torch.zeros(11, 3, 3, 3), "head.bias": torch.full((11,), float(bias))}

    torch.save({"model": state(1), "ema": state(2)}, tmp_path / "w.pth")
    assert "several state dicts fit: model, ema; say which with key" in refusal(write(NETWORK, weights=Path("w.pth")))
    model = PythonModel.load(write(NETWORK, weights=Path("w.pth"), key="ema"))
    assert (model.predict(inputs_of(image()))[0].logits == 2).all()
    assert model.provenance()["weights"] == "ema"
    assert "key says where weights lie in a file, and weights names none" in refusal(write(NETWORK, key="ema"))


REUSED = """
    import numpy as np
    import torch
    from reliseg.prediction import Prediction

    class Net(torch.nn.Module):
        memory = None

        def forward(self, x):
            y = x[:, :1].expand(-1, 11, -1, -1)
            if self.memory is None or self.memory.shape != y.shape:
                self.memory = torch.empty(y.shape)
            return self.memory.copy_(y)

    class Plain:
        memory, form = None, "array"

        def __call__(self, image):
            y = np.broadcast_to(image[..., 0] / 255 / 11, (11, *image.shape[:2]))
            if self.form == "probabilities":
                y = np.concatenate([y[:10], 1 - y[:10].sum(axis=0, keepdims=True)])
            if self.memory is None or self.memory.shape != y.shape:
                self.memory = np.empty(y.shape, np.float32)
            self.memory[:] = y
            if self.form == "array":
                return self.memory
            return Prediction.of_probabilities(self.memory, y.shape[1:]) if self.form == "probabilities" else (
                Prediction(self.memory, y.shape[1:]))

    def build(form="array"):
        if form == "module":
            return Net()
        plain = Plain()
        plain.form = form
        return plain
"""


@pytest.mark.parametrize("form", ["module", "array", "prediction", "probabilities"])
@pytest.mark.parametrize("batch", [1, 2])
def test_a_prediction_stays_what_it_was_if_the_model_writes_the_next_one_into_its_memory(
    write: Callable[..., ModelOptions], form: str, batch: int
) -> None:
    values = "probabilities" if form == "probabilities" else "logits"
    model = PythonModel.load(write(REUSED, args={"form": form}, values=values))
    first, second = inputs_of(image(seed=1), image(seed=2))
    alone = [np.array(model.predict([i])[0].logits) for i in (first, second)]
    stored = [first, second]
    predictions = model.predict(stored) if batch == 2 else [p for i in stored for p in model.predict([i])]
    for prediction, expected in zip(predictions, alone, strict=True):
        np.testing.assert_array_equal(prediction.logits, expected)
        if form == "probabilities":
            np.testing.assert_allclose(prediction.probabilities, np.exp(expected), atol=1e-4)


def test_a_module_that_was_trained_since_is_another_one_and_evaluated_as_such() -> None:
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 11, 1), torch.nn.BatchNorm2d(11))
    options = ModelOptions(name="mine", kind="python", where="mine", labels=label_space("camvid"), threads=1)
    model = PythonModel.of(net, options)
    before, fingerprint = model.predict(inputs_of(image()))[0].logits, model.fingerprint()
    net.train()
    net[0].bias.data[3] += 1
    loss = net(torch.zeros(2, 3, 4, 4)).square().mean()
    loss.backward()  # its owner can go on training it
    assert model.fingerprint() != fingerprint
    expected = PythonModel.of(copy.deepcopy(net), options).predict(inputs_of(image()))[0].logits
    net.train()
    after = model.predict(inputs_of(image()))[0].logits
    np.testing.assert_array_equal(after, expected)
    assert not np.array_equal(after, before)
    assert model.notes() == []


FILE_READER = """
    from pathlib import Path
    import numpy as np
    HERE = Path(__file__).parent
    FIRST = np.load(HERE / "first.npy")

    def build():
        second = np.load(HERE / "more" / "second.npy")
        third = []

        def predict(image):
            third.append(np.load(HERE / "third.npy")) if not third else None
            factor = np.float32(FIRST * second * third[0])
            return np.stack([image[::4, ::4, 0] * factor / np.float32(c + 1) for c in range(11)])

        return predict
"""


@pytest.mark.parametrize("name", ["first.npy", "more/second.npy", "third.npy"])
def test_files_that_a_function_reads_are_part_of_the_model(
    write: Callable[..., ModelOptions], tmp_path: Path, name: str
) -> None:
    (tmp_path / "more").mkdir()
    for file in ("first.npy", "more/second.npy", "third.npy"):
        np.save(tmp_path / file, 1.0)
    before = PythonModel.load(write(FILE_READER)).fingerprint()
    assert PythonModel.load(write(FILE_READER)).fingerprint() == before
    np.save(tmp_path / name, 2.0)
    assert PythonModel.load(write(FILE_READER)).fingerprint() != before


def test_masked_numbers_are_not_taken_for_logits(write: Callable[..., ModelOptions]) -> None:
    text = PLAIN + "\n    def build(least):\n"
    text += "        return lambda image: np.ma.masked_less(logits(image), np.float32(least))\n"
    PythonModel.load(write(text, args={"least": -1}))
    assert "masked numbers; fill them" in refusal(write(text, args={"least": 1000}))
