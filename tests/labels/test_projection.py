import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import logsumexp, softmax

from reliseg.errors import ConfigError
from reliseg.labels import LabelSpace, Projection, default_projection, label_space

CITYSCAPES, CAMVID = label_space("cityscapes"), label_space("camvid")


def space(name: str, n: int) -> LabelSpace:
    return LabelSpace(name, tuple(f"{name}{i}" for i in range(n)), ((0, 0, 0),) * n)


@given(data=st.data(), source=st.integers(2, 8), target=st.integers(2, 8), seed=st.integers(0, 999))
def test_probabilities_of_what_meets_are_added(data, source, target, seed):
    groups = data.draw(st.lists(st.integers(-1, target - 1), min_size=source, max_size=source))
    if max(groups) < 0:
        groups[0] = 0
    projection = Projection.of(space("s", source), space("t", target), groups)
    logits = np.random.default_rng(seed).normal(0, 5, source)
    order = [*range(target), -1]
    members = [[m for m in range(source) if projection.groups[m] == g] for g in order]
    projected = np.array([logsumexp(logits[m]) if m else -np.inf for m in members])
    probabilities = softmax(projected)
    assert probabilities == pytest.approx([softmax(logits)[m].sum() for m in members], abs=1e-12)
    assert probabilities.sum() == pytest.approx(1)
    assert [g for g in range(target) if probabilities[g] == 0] == list(projection.unreachable)


def test_the_identity_where_classes_agree():
    assert default_projection(CITYSCAPES, label_space("idd")).is_identity
    assert default_projection(CAMVID, CAMVID).is_identity


def test_cityscapes_to_camvid_goes_by_names():
    groups = default_projection(CITYSCAPES, CAMVID).groups
    assert list(groups) == [3, 4, 1, 1, 7, 2, 6, 6, 5, 5, 0, 9, 10, 8, 8, 8, 8, 10, 10]
    projection = Projection.of(CITYSCAPES, CAMVID, groups)
    assert not projection.is_identity
    assert projection.unreachable == ()
    names = {CITYSCAPES.classes[m]: CAMVID.classes[g] for m, g in enumerate(groups)}
    assert (names["sky"], names["person"], names["bus"]) == ("sky", "pedestrian", "car")


def test_no_known_projection():
    with pytest.raises(
        ConfigError, match=r"\(camvid\) to the data set's \(cityscapes\) is known; give the data set proj"
    ):
        default_projection(CAMVID, CITYSCAPES)


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ([0, 1], "2 entries for the 3 classes of s"),
        ([0, 1, 2], r"2 is neither -1 nor an id of t \(0 to 1\)"),
        ([0, 1, -2], "-2 is neither"),
        ([-1, -1, -1], "no class of s is mapped to a class of t"),
    ],
)
def test_wrong_groups(groups, message):
    with pytest.raises(ConfigError, match=message):
        Projection.of(space("s", 3), space("t", 2), groups)
