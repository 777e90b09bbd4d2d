"""Places outside this machine: folders of object stores and web servers, read through one gateway, and a cache."""

from reliseg.remote.addresses import Address, is_address
from reliseg.remote.errors import FetchError
from reliseg.remote.folders import RemoteFile, RemoteFolder, Roots
from reliseg.remote.mirror import Mirror
from reliseg.remote.places import Place, Root, place_name, read_place, root_from_text, state_of

__all__ = [
    "Address",
    "FetchError",
    "Mirror",
    "Place",
    "RemoteFile",
    "RemoteFolder",
    "Root",
    "Roots",
    "is_address",
    "place_name",
    "read_place",
    "root_from_text",
    "state_of",
]
