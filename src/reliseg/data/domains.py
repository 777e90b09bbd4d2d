"""Domains: which samples of a data set results are reported for."""

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from reliseg.data.augment import Augmentation, Copy, read_augmentation
from reliseg.data.base import Domain, Sample
from reliseg.data.endings import other_ending_hint
from reliseg.data.pairs import Entry, Source
from reliseg.data.spec import DOMAIN_KEYS, Spec, check_keys, strings
from reliseg.data.template import templates_text
from reliseg.errors import ConfigError, DataError, count_text, shortlist, suggestion
from reliseg.runtime.file_names import distinct_names, normal_name

ANY = "*"
"""In the place of a field's values: whatever it is, in the place of the spec's default too."""


@dataclass(frozen=True)
class Selection:
    """The options of one domain, from a configuration. `label` is `DATASET/DOMAIN`, for messages."""

    name: str
    label: str
    where: Mapping[str, tuple[str, ...]]
    """Field -> the values it may have; all hold."""
    samples: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    annotated: bool = True
    augment: Augmentation | None = None
    union: tuple[str, ...] = ()


def read_selection(dataset: str, name: str, own: Mapping[str, Any], spec: Spec, annotated: bool) -> Selection:
    """Read the selection that a domain's `own` table describes, on top of the spec's domain of that name."""
    label = f"{dataset}/{name}"
    base = spec.domains.get(name, {})
    if "union" in own or (own and "union" in base):
        base = {}
    table = {**_use_scene_key(label, base), **_use_scene_key(label, own)}
    check_keys(label, table, (*spec.image_fields, *DOMAIN_KEYS))
    if "union" in table:
        if len(table) > 1:
            raise ConfigError(f"{label}: a union has no other keys; put them into the domains it names")
        return Selection(name, label, {}, union=strings(f"{label}: union", table["union"]))
    rule = table.get("annotations", "required" if annotated else "none")
    if rule not in ("required", "none"):
        raise ConfigError(f"{label}: annotations is 'required' or 'none', not {rule!r}")
    defaults = {field: value for field, value in spec.default.items() if field in spec.image_fields}
    fields = {f: v for f, v in {**defaults, **table}.items() if f in spec.image_fields and v != ANY}
    given = [key for key in ("samples", "exclude") if key in table and (key, table[key]) != ("exclude", [])]
    lists = {key: _names(f"{label}: {key}", table[key]) for key in given}
    return Selection(
        name,
        label,
        {field: _names(f"{label}: {field}", value) for field, value in fields.items()},
        samples=lists.get("samples", ()),
        exclude=lists.get("exclude", ()),
        annotated=rule == "required",
        augment=read_augmentation(f"{label}: augment", table["augment"]) if "augment" in table else None,
    )


def _names(where: str, value: object) -> tuple[str, ...]:
    """Return a name or a list of names as they are compared with those of files."""
    return tuple(normal_name(name) for name in strings(where, value))


def _use_scene_key(label: str, table: Mapping[str, Any]) -> dict[str, Any]:
    """Return the table with `scenes` written as `scene`."""
    if "scenes" not in table:
        return dict(table)
    if "scene" in table:
        raise ConfigError(f"{label}: scene and scenes are the same; give one")
    return {"scene" if key == "scenes" else key: value for key, value in table.items()}


def read_domain(source: Source, selection: Selection, skip: bool) -> Domain:
    """Return a domain that is no union; a DataError if its files are not as they should be."""
    entries = _filter_by_ids(selection, _select_entries(source, selection))
    if selection.annotated:
        alone = [e for e in entries if e.image is None or e.mask is None]
        if alone and not skip:
            raise DataError(_unpaired_message(source, selection, alone))
        entries = [e for e in entries if e.image is not None and e.mask is not None]
    else:
        alone = []
        entries = [e for e in entries if e.image is not None]
        _check_no_masks(source, selection.label, entries)
    if not entries:
        advice = "exclude fewer of them" if selection.exclude else "add the files that are missing"
        raise DataError(f"{selection.label}: no image is left of those that match {source.search_text()}; {advice}")
    samples: dict[str, Sample] = {}
    for entry in entries:
        sample = _sample(source, entry, selection)
        same = samples.setdefault(sample.id, sample)
        if same is not sample:
            raise DataError(_duplicate_message(selection.label, same, sample))
    if selection.augment is not None:
        samples = {copy.id: copy for sample in samples.values() for copy in _copies(sample, selection.augment)}
    return Domain(
        selection.name,
        tuple(samples[i] for i in sorted(samples)),
        annotated=selection.annotated,
        skipped=tuple(sorted(normal_name(str(e.image or e.mask)) for e in alone)),
    )


def read_union(selection: Selection, members: Iterable[Domain]) -> Domain:
    """Return the samples of other domains together, each once."""
    members = list(members)
    if len({member.annotated for member in members}) > 1:
        raise ConfigError(f"{selection.label}: unites domains with and without annotations; make it two unions")
    samples = {sample.id: sample for member in members for sample in member.samples}
    return Domain(
        selection.name,
        tuple(samples[i] for i in sorted(samples)),
        union=selection.union,
        annotated=members[0].annotated,
        skipped=tuple(sorted({file for member in members for file in member.skipped})),
    )


def check_ids(dataset: str, domains: Iterable[Domain]) -> None:
    """Raise a DataError if two domains have different images, or copies, of one id."""
    images: dict[str, Sample] = {}
    for domain in domains:
        for sample in domain.samples:
            same = images.setdefault(sample.id, sample)
            if same.image != sample.image:
                raise DataError(_duplicate_message(dataset, same, sample))
            if same.copy != sample.copy:
                raise DataError(
                    f"{dataset}: {sample.id} is augmented in two ways; give all domains of a data set the "
                    "same augment, or list the data set twice, under two names"
                )


def _select_entries(source: Source, selection: Selection) -> list[Entry]:
    """Return the entries whose fields have the selection's values; each value must occur among them."""
    entries = _matching_entries(source.entries, selection.where)
    for field, values in selection.where.items():
        if absent := _absent_values(entries, field, values):
            raise DataError(_absent_value_message(source, selection, field, absent[0]))
    if not entries:
        raise DataError(_no_image_message(source, selection))
    return entries


def _no_image_message(source: Source, selection: Selection) -> str:
    hint = other_ending_hint(source, "image") or "; correct root, or image"
    return f"{selection.label}: no image matches {source.search_text()}{hint}"


def _matching_entries(entries: Iterable[Entry], where: Mapping[str, tuple[str, ...]]) -> list[Entry]:
    return [e for e in entries if all(e.matches(field, values) for field, values in where.items())]


def _absent_values(entries: Iterable[Entry], field: str, values: tuple[str, ...]) -> list[str]:
    present = {e.fields[field] for e in entries if field in e.fields}
    return [value for value in values if value not in present]


def _absent_value_message(source: Source, selection: Selection, field: str, value: str) -> str:
    """Return the message about a value that no file has: the first wrong one, and the values that there are."""
    entries = source.widen().entries
    if not entries:
        return _no_image_message(source.widen(), selection)
    before: dict[str, tuple[str, ...]] = {}
    for other, values in selection.where.items():
        if absent := _absent_values(_matching_entries(entries, before), other, values):
            field, value = other, absent[0]
            break
        before[other] = values
    before.pop(field, None)
    known = {e.fields[field] for e in _matching_entries(entries, before) if field in e.fields}
    there = f" in {_where_text(before)}" if before else ""
    return f"{selection.label}: no {field} {value!r}{there} below {source.tree.root}; {_brief_hint(value, known)}"


def _where_text(where: Mapping[str, tuple[str, ...]]) -> str:
    return ", ".join(f"{field} {' or '.join(values)}" for field, values in where.items())


def _filter_by_ids(selection: Selection, entries: list[Entry]) -> list[Entry]:
    """Keep only `samples`, without `exclude`; a DataError if an id there is not one of the domain's."""
    ids = {e.id for e in entries}
    for key, listed_ids in (("samples", selection.samples), ("exclude", selection.exclude)):
        missing = [i for i in listed_ids if i not in ids]
        if missing:
            raise DataError(
                f"{selection.label}: {key}: {shortlist(missing)} not among the {count_text(len(ids), 'sample')}"
                f"{f' of {_where_text(selection.where)}' if selection.where else ''}; {_brief_hint(missing[0], ids)}"
            )
    remaining = (set(selection.samples) or ids) - set(selection.exclude)
    return [e for e in entries if e.id in remaining]


def _sample(source: Source, entry: Entry, selection: Selection) -> Sample:
    if selection.annotated:
        _check_pair(source, entry, selection.label)
    mask = entry.mask if selection.annotated else None
    return Sample(entry.id, sys.intern(entry.fields["scene"]), str(entry.image), mask)


def _check_pair(source: Source, entry: Entry, label: str) -> None:
    """Raise a DataError if image and mask may belong to others as well."""
    image, mask = str(entry.image), str(entry.mask)
    if entry.other_mask is not None:
        first, second = distinct_names(mask, entry.other_mask)
        raise DataError(
            f"{label}: two masks for {entry.id}: {first} and {second}; remove one, "
            "or give a mask template that matches one"
        )
    if entry.other_image is not None:
        raise DataError(
            f"{label}: one mask, {mask}, for two images of different scenes, {image} and {entry.other_image}; give a "
            "mask template with {scene}, or, if the mask is meant for both, call the field otherwise and name it in "
            "`id` in the spec"
        )
    tree = source.tree
    if image == mask or (tree.has_links and tree.file(image) == tree.file(mask)):
        there = image if image == mask else f"{image} and {mask}, which are one file,"
        raise DataError(f"{label}: {there} would be image and mask at once; give each a template of its own")


def _check_no_masks(source: Source, label: str, entries: Iterable[Entry]) -> None:
    """Raise a DataError if one of the images has the name of another one's mask: nobody reads masks here."""
    images = {source.pair_key(entry): str(entry.image) for entry in source.entries if entry.image is not None}
    for entry in entries:
        path = str(entry.image)
        for key in source.mask_keys(path):
            if images.get(key, path) != path:
                raise DataError(
                    f"{label}: {path} would be an image, and is called like the mask of {images[key]}; give image a "
                    "template that no mask fits, or mask the one that masks have"
                )


def _copies(sample: Sample, augmentation: Augmentation) -> Iterator[Sample]:
    for number in range(1, augmentation.copies + 1):
        copy = Copy(sample.id, number, augmentation)
        yield replace(sample, id=copy.id, copy=copy)


def _unpaired_message(source: Source, selection: Selection, alone: list[Entry]) -> str:
    hint = other_ending_hint(source, "mask", [e for e in alone if e.mask is None])
    hint += other_ending_hint(source, "image", [e for e in alone if e.image is None])
    images = [str(e.image) for e in alone if e.mask is None]
    masks = [str(e.mask) for e in alone if e.image is None]
    parts = []
    if images:
        templates = templates_text(source.spec.mask)
        parts.append(f"{count_text(len(images), 'image')} without mask ({shortlist(images)}; masks are {templates})")
    if masks:
        templates = templates_text(source.spec.image)
        parts.append(f"{count_text(len(masks), 'mask')} without image ({shortlist(masks)}; images are {templates})")
    return (
        f"{selection.label}: {' and '.join(parts)} below {source.tree.root}"
        f"{hint or '; add the missing files'}, or set missing: skip, or annotations: none for images alone"
    )


def _duplicate_message(label: str, first: Sample, second: Sample) -> str:
    one, other = distinct_names(first.image, second.image)
    return (
        f"{label}: two images with the id {first.id}: {one} and {other}; "
        "remove one, or make ids differ by `id` in the spec"
    )


def _brief_hint(name: str, known: Iterable[str]) -> str:
    """Return a `suggestion` of at most a dozen names, without the nearest of thousands: that would take seconds."""
    known = sorted(known)
    if len(known) <= 12:
        return suggestion(name, known)
    hint = suggestion(name, known).partition("known: ")[0] if len(known) <= 2000 else ""
    return f"{hint}known: {shortlist(known)}"
