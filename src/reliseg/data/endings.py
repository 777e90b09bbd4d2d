"""Pictures that lie where an image or a mask is looked for, but have another ending: for messages."""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress

from PIL import Image as Pillow

from reliseg.data.pairs import Entry, Source, completed
from reliseg.data.template import Template
from reliseg.errors import DataError

_ANY = "any_picture"


def with_other_ending(source: Source, kind: str, lacking: Sequence[Entry] | None = None) -> str:
    """`; masks/1.jpg lies there, but masks end in png: ..`, or nothing where no such picture is found.

    `kind` is `image` or `mask`; `lacking` are the entries without one, or None where there are no entries at all.
    """
    spec = source.spec
    templates, names = (spec.image, spec.image_fields) if kind == "image" else (spec.mask, spec.mask_fields)
    pictures = sorted(ending[1:] for ending in Pillow.registered_extensions())
    read = [e for e in pictures if any(re.fullmatch(_ending(t, spec.fields), e) for t in templates)]
    known = {path for e in source.entries for path in (e.image, e.mask)}
    keys = None if lacking is None else {tuple(e.fields[f] for f in spec.shared_fields) for e in lacking}
    for found in source.tree.find(_loosened(templates, spec.fields, pictures), source.allowed):
        with suppress(DataError):  # a file that nobody asked for may be called anything
            fields = completed(spec, found, names)
            if found.path in known or (keys is not None and tuple(fields[f] for f in spec.shared_fields) not in keys):
                continue
            advice = "convert them, or set image" if kind == "image" else "save them so (a JPEG changes ids)"
            return f"; {found.path} lies there, but {kind}s end in {' or '.join(read)}: {advice}"
    return ""


def _loosened(templates: Sequence[Template], fields: Mapping[str, str], endings: Sequence[str]) -> list[Template]:
    """The templates with any of these endings, in small or capital letters, in the place of their own."""
    bare = dict.fromkeys(t.text.rpartition(".")[0] for t in templates)
    patterns = {**fields, _ANY: f"(?i:{'|'.join(endings)})"}
    return [Template.of(f"{text}.{{{_ANY}}}", patterns) for text in bare if "{stem}" in text]


def _ending(template: Template, fields: Mapping[str, str]) -> str:
    """The pattern of what stands behind the last dot."""
    ending = template.text.rpartition(".")[2]
    return fields.get(ending[1:-1], "[^.]+") if ending.startswith("{") else re.escape(ending)
