"""Opening a data set: its spec, its options, and the files below its root become a `DataSet`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from reliseg.data.base import DataSet, Domain, ImageSize, check_name
from reliseg.data.depth import read_depth_maps
from reliseg.data.domains import Selection, check_ids, read_domain, read_selection, read_union
from reliseg.data.label_table import read_label_map
from reliseg.data.notes import dataset_notes
from reliseg.data.pairs import Source
from reliseg.data.spec import Spec, read_spec
from reliseg.data.template import Tree
from reliseg.errors import ConfigError, DataError, suggestion
from reliseg.labels import LabelSpace, Projection, label_space, label_space_names
from reliseg.remote import LOST_SLASH, Address, Root, Roots


@dataclass(frozen=True)
class DataOptions:
    """The options of one data set, from a configuration. Those that are None or empty are as in the spec."""

    spec: str
    """The name of a spec that ships, or the path of a .toml file."""
    root: Path | Address
    name: str | None = None
    labels: str | None = None
    """A label space that ships, or the path of a .toml file."""
    label_map: Mapping[str, Any] | None = None
    """Keys as in a spec's [label_map], which it replaces as a whole."""
    projection: Mapping[str, Sequence[int]] = field(default_factory=dict)
    domains: Mapping[str, Mapping[str, Any] | None] | None = None
    image: str | Sequence[str] = ()
    mask: str | Sequence[str] = ()
    missing: Literal["error", "skip"] = "error"
    unlisted: Literal["error", "void"] | None = None
    annotations: Literal["required", "none"] = "required"
    resize: ImageSize | None = None
    """The size at which models get its images that have none of their own, as for models."""
    listing: str | None = None
    """The path or address of a file that lists those below a root outside this machine, one path a line."""
    folder: Path = Path()
    """Relative paths in `root`, `spec`, `labels` and `listing` start here: the folder of the file that names them."""


def open_dataset(options: DataOptions, roots: Roots | None = None) -> DataSet:
    """Pair all files of the options' domains. ConfigError and DataError say what is wrong and what to do.

    `roots` are the places outside this machine that are listed already.
    """
    spec = _spec(options)
    empty = open_empty(options)
    root = _open_root(empty.name, options, spec, roots or Roots())
    selections = _selections(empty.name, spec, options)
    source = _source(root, spec, selections)
    domains = _domains(empty.name, source, selections, options.missing == "skip")
    return replace(empty, root=root, domains=domains, notes=dataset_notes(source, domains.values()))


def open_empty(options: DataOptions) -> DataSet:
    """Return the data set without domains: what its classes are, and how models meet them. No file is looked for."""
    spec = _spec(options)
    name = options.name or spec.name
    check_name("data set", name)
    labels = _labels(options, spec)
    table = spec.label_map if options.label_map is None else options.label_map
    encoding, label_map = read_label_map(name, table, labels, options.unlisted)
    return DataSet(
        name=name,
        root=options.folder,
        labels=labels,
        label_map=label_map,
        domains={},
        projections={source: tuple(groups) for source, groups in options.projection.items()},
        encoding=encoding,
        resize=options.resize,
        usual_void=spec.usual_void,
        depth=read_depth_maps(spec),
        sources=_sources(name, options, labels),
    )


def _spec(options: DataOptions) -> Spec:
    return read_spec(options.spec, options.folder).with_templates(options.image, options.mask)


def _open_root(name: str, options: DataOptions, spec: Spec, roots: Roots) -> Root:
    if isinstance(options.root, Address):
        try:
            return roots.open(options.root, options.listing, options.folder)
        except DataError as error:
            raise DataError(f"{name}: {error}") from error
    root = options.folder / options.root.expanduser()
    if options.listing is not None:
        raise ConfigError(f"{name}: listing applies to a root outside this machine, and {root} is a folder; remove it")
    if not root.is_dir():
        if LOST_SLASH.match(str(options.root)):
            raise DataError(
                f"{name}: root {options.root} lost a slash, as it was made a Path; give the address as a text"
            )
        raise DataError(f"{name}: root {root} is not a folder; it should hold {spec.image[0].text}")
    return root.absolute()  # the process may go to another folder before it reads an image


def _labels(options: DataOptions, spec: Spec) -> LabelSpace:
    if options.labels and options.labels.endswith(".toml"):
        return label_space(str(options.folder / Path(options.labels).expanduser()))
    return label_space(options.labels or spec.labels)


def _sources(name: str, options: DataOptions, labels: LabelSpace) -> dict[str, LabelSpace]:
    """Return the label spaces that the options' projections name: those that ship, and files.

    Their groups are checked here, those of others with the model.
    """
    sources = {}
    for source, groups in options.projection.items():
        is_file = source.endswith(".toml")
        if is_file or source in label_space_names():
            try:
                sources[source] = label_space(str(options.folder / Path(source).expanduser()) if is_file else source)
                Projection.of(sources[source], labels, groups)
            except ConfigError as error:
                raise ConfigError(f"{name}: {error}") from error
    return sources


def _selections(name: str, spec: Spec, options: DataOptions) -> dict[str, Selection]:
    """Read the domains of the options or else of the spec, and those of the spec that a union names."""
    annotated = options.annotations == "required"
    pending = dict(options.domains if options.domains is not None else spec.domains)
    if not pending:
        raise ConfigError(f"{name}: no domains; give it domains, like all: {{}}")
    selections: dict[str, Selection] = {}
    while pending:
        domain = next(iter(pending))
        check_name("domain", domain)
        table = pending.pop(domain)
        if table is None and domain not in spec.domains:
            hint = suggestion(domain, spec.domains)
            raise ConfigError(
                f"{name}: the spec has no domain {domain!r}; {hint}; in a file you may also say what it holds"
            )
        selection = read_selection(name, domain, table or {}, spec, annotated)
        if selection.annotated and not selection.union and not spec.mask:
            raise ConfigError(f"{selection.label}: the spec has no mask templates; give mask, or annotations: none")
        selections[domain] = selection
        for member in selection.union:
            if member in selections or member in pending:
                continue
            if member not in spec.domains:
                known = {*selections, *pending, *spec.domains} - {domain}
                raise ConfigError(f"{selection.label}: union of unknown domain {member!r}; {suggestion(member, known)}")
            pending[member] = {}
    return selections


def _source(root: Root, spec: Spec, selections: Mapping[str, Selection]) -> Source:
    """Return where files are looked for: only where fields have values of a domain, if all domains name the field."""
    plain = [s for s in selections.values() if not s.union]
    masks = any(s.annotated for s in plain)
    common = spec.shared_fields if masks else spec.image_fields
    allowed = {
        f: frozenset(value for s in plain for value in s.where[f]) for f in common if all(f in s.where for s in plain)
    }
    return Source(Tree(root), spec, allowed, masks)


def _domains(dataset: str, source: Source, selections: Mapping[str, Selection], skip: bool) -> dict[str, Domain]:
    """Read all domains; unions after what they unite. They keep the order of the selections."""
    domains = {name: read_domain(source, s, skip) for name, s in selections.items() if not s.union}
    check_ids(dataset, domains.values())
    waiting = [s for s in selections.values() if s.union]
    while waiting:
        ready = [s for s in waiting if all(member in domains for member in s.union)]
        if not ready:
            raise ConfigError(f"{waiting[0].label}: union contains itself; name other domains")
        for selection in ready:
            domains[selection.name] = read_union(selection, [domains[member] for member in selection.union])
        waiting = [s for s in waiting if s.name not in domains]
    return {name: domains[name] for name in selections}
