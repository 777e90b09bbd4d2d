"""The files of a data set, read once: every image with its mask, matched by the fields that both have."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property

from reliseg.data.spec import Spec
from reliseg.data.template import PathMatch, Tree, fill_fields, templates_text
from reliseg.errors import DataError, shortlist
from reliseg.runtime.file_names import normal_name

NO_SCENE = "all"
"""The scene of samples whose paths name none."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An image and a mask that belong together, or one of them alone.

    `id` is empty where a mask stands alone and its path does not tell.
    """

    id: str
    fields: dict[str, str]
    image: str | None
    mask: str | None
    other_mask: str | None = None
    """A second file that is as good a match as `mask`."""
    other_image: str | None = None
    """An image of another scene that `mask` matches as well."""

    def matches(self, field: str, values: Sequence[str]) -> bool:
        """Tell if the field has one of these values; a mask without such a field matches too."""
        return field not in self.fields or self.fields[field] in values


@dataclass(frozen=True)
class Source:
    """Where files are looked for. `allowed` narrows the walk to the folders that domains need."""

    tree: Tree
    spec: Spec
    allowed: Mapping[str, frozenset[str]]
    masks: bool
    """True if masks are looked for at all."""

    @cached_property
    def entries(self) -> list[Entry]:
        """All images, each with its mask if there is one, then masks without image, in the order of the folders.

        A mask may match several images of one scene: those that a spec tells apart by fields that masks do not have.
        """
        spec = self.spec
        image_fields, mask_names, shared_fields = spec.image_fields, spec.mask_fields, spec.shared_fields
        masks: dict[tuple[str, ...], list[str]] = {}
        mask_fields: dict[tuple[str, ...], dict[str, str]] = {}
        for match in self.tree.find(spec.mask if self.masks else (), self.allowed):
            fields = complete_fields(spec, match, mask_names)
            key = tuple(fields[f] for f in shared_fields)
            masks.setdefault(key, []).append(match.path)
            mask_fields[key] = fields
        entries = []
        for match in self.tree.find(spec.image, self.allowed):
            fields = complete_fields(spec, match, image_fields)
            key = tuple(fields[f] for f in shared_fields)
            mask, other = (*masks.get(key, ()), None, None)[:2]
            mask_fields.pop(key, None)
            entries.append(Entry(_id(spec, fields), fields, match.path, mask, other))
        entries = _with_other_images(entries)
        for key, fields in mask_fields.items():
            shared = {f: fields[f] for f in shared_fields}
            entries.append(Entry(_id(spec, shared), shared, None, masks[key][0]))
        return entries

    def pair_key(self, entry: Entry) -> tuple[str, ...]:
        """Return what an image and its mask have in common."""
        return tuple(entry.fields[f] for f in self.spec.shared_fields)

    def mask_keys(self, path: str) -> Iterator[tuple[str, ...]]:
        """Yield what the images would have in common with this path, if it were a mask: for each template it fits."""
        for template in self.spec.mask:
            fields = template.match(path)
            if fields is not None:
                with suppress(DataError):  # a file that is no mask may be called anything
                    complete = complete_fields(self.spec, PathMatch(path, fields), self.spec.mask_fields)
                    yield tuple(complete[f] for f in self.spec.shared_fields)

    def widen(self) -> "Source":
        """Return the source without `allowed`, for error messages that name all there is."""
        return Source(self.tree, self.spec, {}, self.masks)

    def search_text(self) -> str:
        """Return what is looked for and what is there, for a message about files that are missing."""
        templates = templates_text(self.spec.image)
        folders = self.tree.folders()
        there = f"the folders {shortlist(folders, 8)}" if folders else "no folders"
        return f"{templates} below {self.tree.root} (there are {there})"


def complete_fields(spec: Spec, match: PathMatch, names: Sequence[str]) -> dict[str, str]:
    """Return all fields of a file: its template's, those derived from them, and empty ones for the rest of `names`."""
    fields = dict(match.fields)
    for name, derived in spec.derive.items():
        if name in fields or derived.source not in fields:
            continue
        inner = derived.pattern.fullmatch(fields[derived.source])
        if inner is None or inner[1] is None:
            raise DataError(
                f"{match.path}: no {name} in the {derived.source} {fields[derived.source]!r}; "
                f"rename the file, or change derive.{name} ({derived.pattern.pattern}) in the spec"
            )
        fields[name] = inner[1]
    for name in names:
        fields.setdefault(name, NO_SCENE if name == "scene" else "")
    return fields


def _with_other_images(entries: Sequence[Entry]) -> list[Entry]:
    """Return the entries with `other_image` where one of another scene has the same mask."""
    scenes: dict[str, dict[str, str]] = {}  # mask -> scene -> the first image there
    for entry in entries:
        if entry.mask is not None:
            scenes.setdefault(entry.mask, {}).setdefault(entry.fields["scene"], str(entry.image))
    if all(len(images) == 1 for images in scenes.values()):  # as it is nearly always
        return list(entries)
    outcome = []
    for entry in entries:
        images = scenes.get(entry.mask or "", {})
        others = [image for scene, image in images.items() if scene != entry.fields["scene"]]
        outcome.append(replace(entry, other_image=others[0]) if others else entry)
    return outcome


def _id(spec: Spec, fields: Mapping[str, str]) -> str:
    """Return `SCENE/STEM`, or nothing if a field of it is not known."""
    try:
        return normal_name(f"{fields['scene']}/{fill_fields(spec.id, fields)}")
    except KeyError:
        return ""
