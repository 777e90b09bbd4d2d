"""A data set's own decision, which projection a model's classes take; and what a sample may be called."""

from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reliseg.data import DataSet, Sample
from reliseg.data.augment import Copy, Photometric
from reliseg.errors import ConfigError, DataError
from reliseg.labels import LabelMap, label_space


def test_a_data_set_gives_its_projection_or_the_default(open_data, flat):
    camvid = label_space("camvid")
    dataset = open_data("folder", flat, projection={"camvid": [0] * 11})
    assert dataset.projection(camvid).groups == (0,) * 11
    assert dataset.projection(label_space("cityscapes")).is_identity


def test_a_file_of_a_sample_is_named_as_its_folder_is(open_data, flat, tmp_path):
    dataset = open_data("folder", flat)
    for sample in dataset.domains["all"].samples:
        assert Path(dataset.file(sample.image)) == flat / sample.image
    assert replace(dataset, root=Path("here")).file("images/1.png") == "here/images/1.png"
    for path in ("images/1.png", str(tmp_path)):
        assert replace(dataset, root=Path()).file(path) == path


NAMES = st.text(st.one_of(st.sampled_from("./\\~ a\0\n\u0301\udce9"), st.characters()), max_size=300)


@example("", "x")
@example("..", "x")
@example("a", "")
@example("a", "..")
@example("a", "../../x")
@example("a", "/etc/x")
@example("a", "b//c")
@example("a", "x/")
@example("a", "x\0")
@example("\ud800", "x")
@example("a", "\u00e9" * 120)
@given(NAMES, NAMES)
def test_whatever_scene_and_stem_are_the_files_of_a_sample_stay_in_the_runs_folder(scene, stem):
    try:
        sample = Sample(f"{scene}/{stem}", scene, "x.png", None)
    except DataError as error:
        said = str(error)
    else:
        said = ""
    assert said.isascii()
    assert len(said.splitlines()) <= 1
    if said:
        return
    below = PurePosixPath(f"{scene}/{stem}")
    assert ".." not in below.parts
    assert str(below) == sample.id
    assert not below.is_absolute()
    assert Path("/run/saved", sample.id).resolve() == Path("/run/saved", sample.id)
    assert all(len(part.encode()) <= 255 for part in below.parts)
    assert len(f".{below.name}_color.png.4194304.tmp".encode()) <= 255


@pytest.mark.parametrize(
    ("scene", "sample_id", "problem"),
    [
        ("a", "b/x", "is not SCENE/STEM with the scene 'a'"),
        ("a", "a", "is not SCENE/STEM with the scene 'a'"),
        ("a/b", "a/x", "is not SCENE/STEM with the scene 'a/b'"),
        ("", "/x", "has a part that is empty"),
        ("a", "a/", "has a part that is empty"),
        ("a", "a/../x", "has a part that leads to another folder"),
        ("a", "a/x\\y", "has a part that holds .*, which separates folders"),
        ("a", f"a/{'x' * 232}", "has a part that has 232 bytes, and the limit is 231"),
        ("a" * 256, f"{'a' * 256}/x", "has a part that has 256 bytes, and the limit is 255"),
    ],
)
def test_an_unfit_id_is_refused_with_the_file_that_it_comes_from(scene, sample_id, problem):
    with pytest.raises(DataError, match=f"^the id '.*' of i/x.png {problem}; rename the file or its folder$"):
        Sample(sample_id, scene, "i/x.png", None)


def test_the_number_of_a_copy_counts_too():
    sample = Sample(f"a/{'x' * 231}", "a", "x.png", None)
    with pytest.raises(DataError, match="has 233 bytes"):
        replace(sample, id=Copy(sample.id, 1, Photometric()).id)


@pytest.mark.parametrize("name", ["", "..", "a/b", ".a", "a b", "\u00e9" * 128, "a\n"])
def test_data_sets_and_domains_made_in_python_have_names_that_are_folders_too(name, open_data, flat):
    dataset = open_data("folder", flat)
    for thing in (dataset, dataset.domains["all"]):
        with pytest.raises(ConfigError, match=r"^(data set|domain) name .*(use letters, digits and|the limit is 255)"):
            replace(thing, name=name)


def test_a_projection_belongs_to_classes_and_not_to_a_name():
    target = label_space("camvid")
    shipped = label_space("cityscapes")
    turned = replace(shipped, classes=shipped.classes[::-1])
    groups = tuple(range(11)) + (-1,) * 8
    data = DataSet(
        "d", Path(), target, LabelMap.of({0: 0}), {}, {"cityscapes": groups}, sources={"cityscapes": shipped}
    )
    assert data.projection(shipped).groups == groups
    assert data.projection(replace(shipped, name="copy")).groups == groups
    with pytest.raises(
        ConfigError, match=r"cityscapes is the label space that ships, and the model's has other classes"
    ):
        data.projection(turned)
    of_file = replace(data, projections={"own/cityscapes.toml": groups}, sources={"own/cityscapes.toml": turned})
    assert of_file.projection(turned).groups == groups
    assert of_file.projection(shipped).groups != groups
    by_name = replace(data, projections={"mine": groups}, sources={})
    assert by_name.projection(replace(turned, name="mine")).groups == groups
