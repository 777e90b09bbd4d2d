"""Label spaces, label maps and projections: the only place that knows what an id means."""

from reliseg.labels.maps import ColorMap, LabelMap, UnlistedIdsError
from reliseg.labels.projection import Projection, default_projection
from reliseg.labels.space import UNKNOWN, VOID, LabelSpace, label_space, label_space_names, space_of_classes

__all__ = [
    "UNKNOWN",
    "VOID",
    "ColorMap",
    "LabelMap",
    "LabelSpace",
    "Projection",
    "UnlistedIdsError",
    "default_projection",
    "label_space",
    "label_space_names",
    "space_of_classes",
]
