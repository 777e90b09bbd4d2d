"""What may be meant, and is said: pictures that no template takes, masks and images that serve several times."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice

from reliseg.data.base import Domain, Sample
from reliseg.data.endings import PICTURES, any_ending
from reliseg.data.pairs import Source
from reliseg.data.template import Segment, Template, Tree, match_segment, templates_text
from reliseg.errors import count_text, shortlist

_MOST_FOLDERS = 10_000
"""Deep folders that are looked into; beyond them the number of pictures is a lower bound."""


def dataset_notes(source: Source, domains: Iterable[Domain]) -> tuple[str, ...]:
    """Return what a user should know about the files of a data set, a line each."""
    domains = list(domains)
    samples = {sample.image: sample for domain in domains for sample in domain.samples}
    skipped = sorted({file for domain in domains for file in domain.skipped})
    alone = f"left out for want of a mask or an image: {shortlist(skipped)}" if skipped else ""
    notes = [_left_out(source), alone, _shared_masks(samples.values()), _same_files(source.tree, list(samples))]
    return tuple(filter(None, notes))


def _left_out(source: Source) -> str:
    """Say which pictures lie below the folders of images, are called like images, and fit no template."""
    spec, known = source.spec, (*source.spec.image, *source.spec.mask)
    taken = {entry.image for entry in source.entries}
    found: dict[str, None] = {}
    for template in spec.image:
        name = any_ending([_with_any_name(template, spec.fields)], spec.fields, PICTURES)
        pattern = name[0].segments[-1] if name else template.segments[-1]
        found |= dict.fromkeys(_pictures(source, template, pattern, taken))
    left = sorted(path for path in found if all(template.match(path) is None for template in known))
    if not left:
        return ""
    templates = templates_text(spec.image)
    verb = "fits no template and is" if len(left) == 1 else "fit no template and are"
    return (
        f"{count_text(len(left), 'picture')} below {source.tree.root} {verb} left out ({shortlist(left)}; images are "
        f"{templates}); change `image` to take them in, or move them elsewhere"
    )


def _with_any_name(template: Template, patterns: Mapping[str, str]) -> Template:
    """Return a template in which one field stands for several of the file's name: `x.png` lacks a part of them.

    Names that lack what a pattern asks for are not meant.
    """
    folder, slash, name = template.text.rpartition("/")
    name, dot, ending = name.rpartition(".")
    if name.count("{") < 2 or any(f"{{{field}}}" in name for field in patterns):
        return template
    whole = f"{name[: name.index('{')]}{{stem}}{name[name.rindex('}') + 1 :]}"
    return Template.of(f"{folder}{slash}{whole}{dot}{ending}", patterns)


def _pictures(source: Source, template: Template, pattern: Segment, taken: Collection[str | None]) -> Iterator[str]:
    """Yield the files below the folders of a template whose names match `pattern`, at any depth, that are not taken."""
    tree, allowed = source.tree, source.allowed
    below: list[str] = []
    level = [("", dict[str, str]())]
    for depth, segment in enumerate(template.segments):
        inside, deeper = depth >= template.base, []
        for folder, bound in level:
            folders, files = tree.names(folder)
            is_last = depth == len(template.segments) - 1
            if inside:
                others = (n for n in files if folder + n not in taken)
                odd = (n for n in others if not is_last or match_segment(segment, n, bound, {}) is None)
                yield from (folder + name for name in odd if match_segment(pattern, name, {}, {}) is not None)
            for name in folders:
                values = None if is_last else match_segment(segment, name, bound, allowed)
                if values is not None:
                    deeper.append((f"{folder}{name}/", values))
                elif inside and (is_last or match_segment(segment, name, bound, {}) is None):
                    below.append(f"{folder}{name}/")
        level = deeper
    for folder in islice(_folders(tree, below), _MOST_FOLDERS):
        yield from (folder + n for n in tree.names(folder)[1] if match_segment(pattern, n, {}, {}) is not None)


def _folders(tree: Tree, folders: Sequence[str]) -> Iterator[str]:
    """Yield folders and all below them, but for those that are links: they may lead in a circle."""
    waiting = list(reversed(folders))
    while waiting:
        folder = waiting.pop()
        if not tree.is_link(folder[:-1]):
            yield folder
            waiting += [f"{folder}{name}/" for name in reversed(tree.names(folder)[0])]


def _shared_masks(samples: Iterable[Sample]) -> str:
    """Say which masks serve several images: of one scene, told apart by the spec."""
    images: dict[str, list[str]] = {}
    for sample in samples:
        if sample.mask is not None:
            images.setdefault(sample.mask, []).append(sample.image)
    shared = {mask: names for mask, names in images.items() if len(names) > 1}
    if not shared:
        return ""
    mask, names = next(iter(sorted(shared.items())))
    verb = "serves" if len(shared) == 1 else "serve"
    return f"{count_text(len(shared), 'mask')} {verb} several images each ({mask}: {shortlist(sorted(names))})"


def _same_files(tree: Tree, images: Sequence[str]) -> str:
    """Say which images are one file, by way of links."""
    if not tree.has_links:
        return ""
    names: dict[str, list[str]] = {}
    for image in images:
        names.setdefault(tree.file(image), []).append(image)
    same = sorted(sorted(group) for group in names.values() if len(group) > 1)
    if not same:
        return ""
    more = f", and {len(same) - 1} more" if len(same) > 1 else ""
    return f"links make one image count as several ({' = '.join(same[0][:3])}{more})"
