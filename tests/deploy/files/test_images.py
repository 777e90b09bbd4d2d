"""Where images lie: folders, patterns, lists, single files."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from reliseg.deploy.files.images import find_images, output_name
from reliseg.errors import ConfigError


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    for name in ("a.png", "b.jpg", "deep/c.PNG", "notes.md"):
        path = tmp_path / "frames" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith("md"):
            path.write_text("no image")
        else:
            Image.fromarray(np.zeros((2, 2, 3), np.uint8)).save(path)
    return tmp_path / "frames"


def names(found) -> list[str]:
    return [output_name(sample) for sample in found.samples]


def test_a_folder_gives_its_images_and_those_below(frames):
    found = find_images([str(frames)])
    assert names(found) == ["a", "b", "deep/c"]
    assert found.root == frames
    assert [s.image for s in found.samples] == ["a.png", "b.jpg", "deep/c.PNG"]
    assert not found.domain.annotated


def test_a_pattern_a_list_and_an_image_give_what_they_name(frames):
    assert names(find_images([str(frames / "*.png")])) == ["a"]
    assert names(find_images([str(frames / "**" / "*.[pP]*")])) == ["a", "deep/c"]
    (frames / "list.txt").write_text("# two of them\nb.jpg\n\ndeep/c.PNG\n")
    assert names(find_images([str(frames / "list.txt")])) == ["b", "deep/c"]
    assert names(find_images([str(frames / "b.jpg")])) == ["b"]


def test_several_places_are_one_set_and_no_image_is_twice(frames):
    found = find_images([str(frames / "a.png"), str(frames), str(frames / "deep")])
    assert names(found) == ["a", "b", "deep/c"]


def test_names_start_where_all_images_have_a_folder_in_common(frames):
    assert names(find_images([str(frames / "deep")])) == ["c"]


BAD = {
    "nothing there": (["frames/nowhere"], "no such folder, list or image; give DIR"),
    "an empty pattern": (["frames/*.bmp"], "no file has such a name; is the pattern in quotes"),
    "a folder without images": (["frames/empty"], "no image lies in this folder"),
    "a list of lost files": (["frames/lost.txt"], "lost.png, which is no file; paths start at the folder of the list"),
    "an empty list": (["frames/none.txt"], "it lists no image"),
}


@pytest.mark.parametrize("name", BAD)
def test_places_without_images_are_refused(name, frames, monkeypatch):
    (frames / "empty").mkdir()
    (frames / "lost.txt").write_text("lost.png\n")
    (frames / "none.txt").write_text("\n")
    monkeypatch.chdir(frames.parent)
    places, problem = BAD[name]
    with pytest.raises(ConfigError, match=problem):
        find_images(places)


def test_two_images_of_one_name_are_refused(frames):
    Image.fromarray(np.zeros((2, 2, 3), np.uint8)).save(frames / "a.bmp")
    with pytest.raises(ConfigError, match=r"a\.bmp and .*a\.png would be written to the same files"):
        find_images([str(frames)])
