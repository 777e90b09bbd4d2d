"""Hints for messages: pictures that lie where an image or a mask is looked for, but have another ending."""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress

from reliseg.data.pairs import Entry, Source, complete_fields
from reliseg.data.template import Template
from reliseg.errors import DataError

PICTURES = (
    *("apng", "avif", "bmp", "dib", "gif", "heic", "heif", "j2k", "jfif", "jp2", "jpc", "jpe", "jpeg", "jpf", "jpg"),
    *("jpx", "jxl", "pbm", "pcx", "pgm", "png", "pnm", "ppm", "sgi", "tga", "tif", "tiff", "webp"),
)
"""The endings of pictures, in small letters: also of those that must be converted first."""
_ANY = "any_picture"


def other_ending_hint(source: Source, kind: str, lacking: Sequence[Entry] | None = None) -> str:
    """Return `; masks/1.jpg lies there, but masks end in png: ..`, or nothing if there is no such picture.

    `kind` is `image` or `mask`; `lacking` are the entries without one, or None if there are no entries at all.
    """
    spec = source.spec
    templates, names = (spec.image, spec.image_fields) if kind == "image" else (spec.mask, spec.mask_fields)
    pictures = PICTURES
    accepted = [e for e in pictures if any(re.fullmatch(_ending(t, spec.fields), e) for t in templates)]
    known = {path for e in source.entries for path in (e.image, e.mask)}
    keys = None if lacking is None else {tuple(e.fields[f] for f in spec.shared_fields) for e in lacking}
    for match in source.tree.find(any_ending(templates, spec.fields, pictures), source.allowed):
        with suppress(DataError):  # a file that nobody asked for may be called anything
            fields = complete_fields(spec, match, names)
            if match.path in known or (keys is not None and tuple(fields[f] for f in spec.shared_fields) not in keys):
                continue
            advice = "convert them, or set image" if kind == "image" else "save them so (a JPEG changes ids)"
            meant = accepted or dict.fromkeys(t.text.rpartition(".")[2] for t in templates)  # PNG, or no picture's
            return f"; {match.path} lies there, but {kind}s end in {' or '.join(meant)}: {advice}"
    return ""


def any_ending(templates: Sequence[Template], fields: Mapping[str, str], endings: Sequence[str]) -> list[Template]:
    """Return the templates with any of these endings, in small or capital letters, in place of their own."""
    bare = dict.fromkeys(t.text.rpartition(".")[0] for t in templates)
    patterns = {**fields, _ANY: f"(?i:{'|'.join(endings)})"}
    return [Template.of(f"{text}.{{{_ANY}}}", patterns) for text in bare if "{stem}" in text]


def _ending(template: Template, fields: Mapping[str, str]) -> str:
    """Return the pattern of the part behind the last dot."""
    ending = template.text.rpartition(".")[2]
    return fields.get(ending[1:-1], "[^.]+") if ending.startswith("{") else re.escape(ending)
