"""The files of a data set, read once: every image with its mask, matched by the fields that both have."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from reliseg.data.spec import Spec
from reliseg.data.template import Found, Tree
from reliseg.errors import DataError, shortlist

NO_SCENE = "all"
"""The scene of samples whose paths name none."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An image and a mask that belong together, or one of them alone.

    `id` is empty where a mask stands alone and its path does not tell. `other_mask` is a second file that is
    as good a match as `mask`.
    """

    id: str
    fields: dict[str, str]
    image: str | None
    mask: str | None
    other_mask: str | None = None

    def matches(self, field: str, values: Sequence[str]) -> bool:
        """Whether the field has one of these values; a mask without such a field matches too."""
        return field not in self.fields or self.fields[field] in values


@dataclass(frozen=True)
class Source:
    """Where files are looked for. `allowed` narrows the walk to the folders that domains need."""

    tree: Tree
    spec: Spec
    allowed: Mapping[str, frozenset[str]]
    masks: bool
    """Whether masks are looked for at all."""

    @cached_property
    def entries(self) -> list[Entry]:
        """All pairs, images alone and masks alone, in the order of the folders."""
        spec = self.spec
        masks: dict[tuple[str, ...], list[str]] = {}
        mask_fields: dict[tuple[str, ...], dict[str, str]] = {}
        for found in self.tree.find(spec.mask if self.masks else (), self.allowed):
            fields = completed(spec, found, spec.mask_fields)
            key = tuple(fields[f] for f in spec.shared_fields)
            masks.setdefault(key, []).append(found.path)
            mask_fields[key] = fields
        entries = []
        for found in self.tree.find(spec.image, self.allowed):
            fields = completed(spec, found, spec.image_fields)
            key = tuple(fields[f] for f in spec.shared_fields)
            mask, other = (*masks.get(key, ()), None, None)[:2]
            mask_fields.pop(key, None)
            entries.append(Entry(_id(spec, fields), fields, found.path, mask, other))
        for key, fields in mask_fields.items():
            shared = {f: fields[f] for f in spec.shared_fields}
            entries.append(Entry(_id(spec, shared), shared, None, masks[key][0]))
        return entries

    def everything(self) -> "Source":
        """The same files without narrowing: what an error message tells of."""
        return Source(self.tree, self.spec, {}, self.masks)

    def searched(self) -> str:
        """What was looked for and what is there, for a message about files that are not."""
        templates = " or ".join(template.text for template in self.spec.image)
        folders = self.tree.folders()
        there = f"the folders {shortlist(folders, 8)}" if folders else "no folders"
        return f"{templates} below {self.tree.root} (there are {there})"


def completed(spec: Spec, found: Found, names: Sequence[str]) -> dict[str, str]:
    """The fields of a file, those that stand inside others, and those that its own template lacks."""
    fields = dict(found.fields)
    for name, derived in spec.derive.items():
        if name in fields or derived.source not in fields:
            continue
        match = derived.pattern.fullmatch(fields[derived.source])
        if match is None:
            raise DataError(
                f"{found.path}: no {name} in the {derived.source} {fields[derived.source]!r}; "
                f"rename the file, or change derive.{name} ({derived.pattern.pattern}) in the spec"
            )
        fields[name] = match[1]
    for name in names:
        fields.setdefault(name, NO_SCENE if name == "scene" else "")
    return fields


def _id(spec: Spec, fields: Mapping[str, str]) -> str:
    """`SCENE/STEM`, or nothing where a field of it is not known."""
    try:
        return f"{fields['scene']}/{re.sub(r'{(.*?)}', lambda match: fields[match[1]], spec.id)}"
    except KeyError:
        return ""
