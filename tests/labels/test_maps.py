import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from reliseg.errors import ConfigError
from reliseg.labels import UNKNOWN, VOID, ColorMap, LabelMap, LabelSpace, UnlistedIdsError, label_space


@given(
    raw=npst.arrays(np.uint16, npst.array_shapes(min_dims=2, max_dims=2), elements=st.integers(0, 65535)),
    roles=st.dictionaries(st.integers(0, 65535), st.sampled_from([0, 1, 18, UNKNOWN, VOID])),
)
def test_every_pixel_gets_the_role_of_its_id(raw, roles):
    label_map = LabelMap.of(
        {r: i for r, i in roles.items() if i < UNKNOWN},
        unknown=[r for r, i in roles.items() if i == UNKNOWN],
        void=[r for r, i in roles.items() if i == VOID],
        unlisted_is_void=True,
    )
    truth = label_map(raw)
    assert truth.dtype == np.uint8
    assert truth.tolist() == [[roles.get(r, VOID) for r in row] for row in raw.tolist()]


def test_unlisted_ids_are_named_with_their_counts():
    with pytest.raises(UnlistedIdsError, match=r"^id 3 \(1 pixel\), id 9 \(2 pixels\) are not in the label map$"):
        LabelMap.of({0: 0})(np.array([[9, 0], [3, 9]], np.uint8))


def test_at_most_eight_unlisted_ids_are_named():
    with pytest.raises(UnlistedIdsError, match=r"id 8 \(1 pixel\) and 3 more are not") as caught:
        LabelMap.of({0: 0})(np.arange(12, dtype=np.uint8).reshape(3, 4))
    assert str(caught.value).count("pixel") == 8


@pytest.mark.parametrize(
    ("roles", "message"),
    [
        ({"known": {0: 0}, "void": [0]}, "raw id 0 is listed twice, once as known; list it once"),
        ({"known": {}, "void": [4], "unknown": [4]}, "raw id 4 is listed twice, once as unknown"),
        ({"known": {-1: 0}}, r"raw id -1 \(known\) is not in 0 to 65535"),
        ({"known": {}, "unknown": [65536]}, r"raw id 65536 \(unknown\)"),
    ],
)
def test_each_id_has_one_role(roles, message):
    with pytest.raises(ConfigError, match=message):
        LabelMap.of(**roles)


@pytest.mark.parametrize("name", ["cityscapes", "camvid", "idd"])
def test_colors_give_their_ids(name):
    space = label_space(name)
    truth = ColorMap.of(space)(np.array([space.palette], np.uint8))
    assert truth.tolist() == [list(range(len(space)))]
    assert truth.dtype == np.uint8


@given(npst.arrays(np.uint8, (2, 3, 3)))
def test_other_colors_are_void_if_asked_for(rgb):
    space = label_space("camvid")
    truth = ColorMap.of(space, unlisted_is_void=True)(rgb)
    ids = {color: i for i, color in enumerate(space.palette)}
    assert truth.tolist() == [[ids.get(tuple(color), VOID) for color in row] for row in rgb.tolist()]


def test_other_colors_are_named():
    with pytest.raises(
        UnlistedIdsError, match=r"color \(0, 0, 0\) \(1 pixel\), color \(1, 0, 2\) \(1 pixel\) are not in camvid's"
    ):
        ColorMap.of(label_space("camvid"))(np.array([[[1, 0, 2], [128, 0, 0], [0, 0, 0]]], np.uint8))


def test_equal_colors_are_refused():
    space = LabelSpace("x", ("a", "b", "c"), ((9, 9, 9), (1, 1, 1), (9, 9, 9)))
    with pytest.raises(ConfigError, match=r"label space x: (a and c|c and a) have the same color"):
        ColorMap.of(space)
