"""Which files tell the depth of which images."""

import pytest

from reliseg.data.depth import DepthFiles, depth_files, read_depth_maps
from reliseg.data.spec import read_spec
from reliseg.errors import DataError

MAPS = read_depth_maps(read_spec("cityscapes"))
IMAGES = [f"leftImg8bit/val/{city}/{city}_0 1_leftImg8bit.png" for city in ("bonn", "ulm")]


@pytest.fixture
def root(tmp_path):
    for folder, ending in (("disparity", "disparity.png"), ("camera", "camera.json")):
        for city in ("bonn", "ulm"):
            path = tmp_path / folder / "val" / city / f"{city}_0 1_{ending}"
            path.parent.mkdir(parents=True)
            path.touch()
    return tmp_path


def test_a_map_and_a_camera_are_found_by_the_fields_of_the_image(root):
    assert depth_files(MAPS, root, IMAGES)[IMAGES[1]] == DepthFiles(
        "disparity/val/ulm/ulm_0 1_disparity.png", "camera/val/ulm/ulm_0 1_camera.json"
    )


def test_images_without_a_map_are_named_and_so_are_those_without_a_camera(root):
    (root / "camera/val/ulm/ulm_0 1_camera.json").unlink()
    with pytest.raises(DataError, match=r"1 image without camera file \(leftImg8bit/val/ulm/.*camera\.json below"):
        depth_files(MAPS, root, IMAGES)
    (root / "disparity/val/bonn/bonn_0 1_disparity.png").unlink()
    with pytest.raises(DataError, match=r"1 image without depth map \(leftImg8bit/val/bonn/.*leave out corruptions"):
        depth_files(MAPS, root, IMAGES)
