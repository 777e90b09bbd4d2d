"""What heads share: the top column, and factors."""

import torch

from reliseg.deploy.heads.base import Extras, Factor, HeadMethod, Scaling, top_of, without_top


def test_of_equal_columns_the_first_is_the_top():
    z = torch.tensor([1.0, 3.0, 3.0]).view(1, 3, 1, 1)
    assert top_of(z).item() == 1


def test_the_top_column_is_replaced_and_no_other():
    z = torch.tensor([1.0, 3.0, 2.0]).view(1, 3, 1, 1)
    assert without_top(z, top_of(z), -9.0).flatten().tolist() == [1.0, -9.0, 2.0]


def test_a_method_that_does_nothing_keeps_logits_and_a_factor_is_that_of_the_top_column():
    z = torch.tensor([[1.0, 3.0], [2.0, 1.0]]).view(1, 2, 1, 2)
    assert torch.equal(HeadMethod()(z, top_of(z), Extras()), z)
    assert torch.equal(Scaling()(z, top_of(z), Extras()), z)
    assert torch.equal(Factor(torch.tensor(0.5))(z, top_of(z), Extras()), z / 2)
    scaled = Factor(torch.tensor([0.5, 2.0]))(z, top_of(z), Extras())
    assert scaled.flatten().tolist() == [2.0, 1.5, 4.0, 0.5]
