"""The families: which sizes they take, and where the patches begin among their tokens."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
import transformers
from helpers.hugging_face_families import SEMANTIC

from reliseg.errors import ModelError
from reliseg.models.hf.families import FAMILIES, Family, Runner, family_of, own_size, patch_size


def test_a_hybrid_dpt_takes_its_own_size_and_a_plain_one_squares() -> None:
    assert family_of(transformers.DPTConfig()).sizes == "squares"
    hybrid = SEMANTIC["dpt, hybrid"]().config
    assert (family_of(hybrid).sizes, own_size(family_of(hybrid), hybrid)) == ("own", (64, 64))


def test_a_network_with_code_of_its_own_takes_any_size() -> None:
    assert family_of(SimpleNamespace(model_type="somebodys")) == Family()
    assert family_of(SimpleNamespace(model_type="eomt"), own_code=True) == Family(shows_states=False)


def test_patches_and_sizes_have_a_height_and_a_width() -> None:
    config = SimpleNamespace(patch_size=[14, 16], image_size=(28, 32))
    assert patch_size(Family(has_patches=True), config) == (14, 16)
    assert patch_size(Family(), config) is None
    assert own_size(Family("own"), config) == (28, 32)
    tips = SEMANTIC["tipsv2_dpt"]().config
    assert patch_size(FAMILIES["tipsv2_dpt"], tips) == (14, 14)


def test_an_output_without_logits_is_an_error() -> None:
    class Network:
        config = SimpleNamespace(model_type="somebodys")

        def __call__(self, **given: Any) -> SimpleNamespace:
            return SimpleNamespace(masks=1)

    with pytest.raises(ModelError, match="gives no logits"):
        Runner(Network(), Family()).logits(torch.zeros(1, 3, 8, 8))
