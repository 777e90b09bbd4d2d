"""Which files tell the depth of which images: matched by the fields that both have, as masks are."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from reliseg.data.depth.maps import DepthMaps
from reliseg.data.pairs import complete_fields
from reliseg.data.template import PathMatch, Template, Tree, templates_text
from reliseg.errors import DataError, count_text, shortlist
from reliseg.remote import Root


class DepthFiles(NamedTuple):
    """The files of one image, relative to the data set's root."""

    map: str
    camera: str = ""
    """"" where nothing of it is read."""


def depth_files(maps: DepthMaps, root: Root, images: Iterable[str]) -> dict[str, DepthFiles]:
    """Return the files for each of these images; a DataError names those that have none."""
    every = list(dict.fromkeys(images))
    fields = {image: _fields(maps, image) for image in every}
    tree = Tree(root)
    of_maps = _matches(tree, maps.map, list(fields.values()))
    of_cameras = _matches(tree, maps.camera, list(fields.values()))
    found = {image: _of(maps.map, of_maps, own) for image, own in fields.items()}
    cameras = {image: _of(maps.camera, of_cameras, own) for image, own in fields.items()}
    _refuse_missing("depth map", maps.map, root, [image for image in every if not found[image]])
    if maps.camera:
        _refuse_missing("camera file", maps.camera, root, [image for image in every if not cameras[image]])
    return {image: DepthFiles(found[image], cameras[image]) for image in every}


def _fields(maps: DepthMaps, image: str) -> dict[str, str]:
    """Return the fields of an image's path; it came from one of the templates."""
    for template in maps.spec.image:
        fields = template.match(image)
        if fields is not None:
            return complete_fields(maps.spec, PathMatch(image, fields), maps.spec.image_fields)
    return {}


def _matches(
    tree: Tree, templates: Sequence[Template], images: Sequence[dict[str, str]]
) -> dict[tuple[str, tuple[str, ...]], str]:
    """Return the files that match, by template and the values of its fields; only what these images may need."""
    found: dict[tuple[str, tuple[str, ...]], str] = {}
    for template in templates:
        allowed = {f: frozenset(fields.get(f, "") for fields in images) for f in template.fields}
        for match in tree.find([template], allowed):
            found[template.text, tuple(match.fields[f] for f in template.fields)] = match.path
    return found


def _of(templates: Sequence[Template], found: dict[tuple[str, tuple[str, ...]], str], image: dict[str, str]) -> str:
    keys = ((t.text, tuple(image.get(f, "") for f in t.fields)) for t in templates)
    return next((found[key] for key in keys if key in found), "")


def _refuse_missing(kind: str, templates: Sequence[Template], root: Root, images: Sequence[str]) -> None:
    if images:
        raise DataError(
            f"{count_text(len(images), 'image')} without {kind} ({shortlist(images)}; they are "
            f"{templates_text(templates)} below {root}); add the files, or leave out corruptions that need depth"
        )
