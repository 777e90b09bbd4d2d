import pytest

from reliseg.errors import ConfigError
from reliseg.labels import LabelSpace, label_space, label_space_names


@pytest.mark.parametrize(("name", "classes"), [("camvid", 11), ("cityscapes", 19), ("idd", 19)])
def test_spaces_that_ship(name, classes):
    space = label_space(name)
    assert name in label_space_names()
    assert len(space) == classes
    assert len(set(space.palette)) == classes


def test_idd_has_no_terrain_and_no_train():
    space = label_space("idd")
    assert {space.classes[c] for c in space.absent} == {"terrain", "train"}
    assert len(space.present) == 17
    assert space.classes == label_space("cityscapes").classes


def test_a_file_of_the_user(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('classes = ["a", "b", "c"]\nabsent = ["b"]')
    space = label_space(str(path))
    assert (space.name, space.present) == ("mine", (0, 2))
    assert len(set(space.palette)) == 3


def test_default_colors_differ(tmp_path):
    path = tmp_path / "many.toml"
    path.write_text(f"classes = {[str(i) for i in range(253)]}")
    assert len(set(label_space(str(path)).palette)) == 253


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "it needs classes"),
        ("classes = 3", "it needs classes"),
        ('classes = "abc"', "it needs classes"),
        ("classes = [1, 2]", "it needs classes"),
        ('classes = ["a"]', "2 to 253 classes, not 1"),
        ('classes = ["a", "a"]', "class names must differ"),
        ('classes = ["a", "b"]\nabscent = ["a"]', "unknown key 'abscent'; did you mean 'absent'"),
        ('classes = ["car", "b"]\nabsent = ["cra"]', "unknown absent class 'cra'; did you mean 'car'"),
        ('classes = ["a", "b"]\nabsent = "a"', "it needs absent"),
        ('classes = ["a", "b"]\npalette = [[1, 2, 3]]', "1 colors for 2 classes"),
        ('classes = ["a", "b"]\npalette = [[1, 2], [1, 2]]', "palette holds one"),
        ('classes = ["a", "b"]\npalette = [[1, 2, 256], [1, 2, 3]]', "each from 0 to 255"),
        ('classes = ["a", "b"]\npalette = 3', "palette holds one"),
        ('classes = ["a", "b"]\nabsent = ["b", "a"]', "all classes are absent; leave"),
        ("classes = ", "Invalid value"),
        ('classes = ["a", ""]', "'' is no name of a class"),
        ('classes = ["a", "  "]', "'  ' is no name of a class"),
        ('classes = ["a", "b\\nc"]', r"'b\\nc' is no name of a class; write one of characters that can be seen"),
    ],
)
def test_a_wrong_file_is_one_line_with_its_path(text, message, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message) as caught:
        label_space(str(path))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(ConfigError, match="unknown label space 'cityscape'; did you mean 'cityscapes'"):
        label_space("cityscape")


def test_absent_ids_are_ids():
    with pytest.raises(ConfigError, match="absent ids must be ids of its classes"):
        LabelSpace("x", ("a", "b"), ((0, 0, 0), (1, 1, 1)), frozenset({2}))
