"""A data set's own decision: which projection a model's classes take."""

from reliseg.labels import label_space


def test_a_data_set_gives_its_projection_or_the_default(open_data, flat):
    camvid = label_space("camvid")
    dataset = open_data("folder", flat, projection={"camvid": [0] * 11})
    assert dataset.projection(camvid).groups == (0,) * 11
    assert dataset.projection(label_space("cityscapes")).is_identity
