"""Places outside this machine: folders of object stores and web servers, read through one gateway, and a cache."""

from reliseg.remote.addresses import LOST_SLASH, Address, is_address, run_address
from reliseg.remote.errors import FetchError
from reliseg.remote.folders import RemoteFile, RemoteFolder, Roots
from reliseg.remote.mirror import Mirror
from reliseg.remote.places import Place, Root, root_from_text, root_name

__all__ = [
    "LOST_SLASH",
    "Address",
    "FetchError",
    "Mirror",
    "Place",
    "RemoteFile",
    "RemoteFolder",
    "Root",
    "Roots",
    "is_address",
    "root_from_text",
    "root_name",
    "run_address",
]
