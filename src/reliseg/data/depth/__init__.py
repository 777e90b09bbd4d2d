"""How far everything in an image is: which files tell it, and what is stored in them."""

from reliseg.data.depth.files import DepthFiles, depth_files
from reliseg.data.depth.maps import DepthMaps, read_depth_maps
from reliseg.data.depth.metres import metres_of

__all__ = ["DepthFiles", "DepthMaps", "depth_files", "metres_of", "read_depth_maps"]
