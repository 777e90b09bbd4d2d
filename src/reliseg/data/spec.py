r"""Data set specs: small TOML files that say where images and masks lie and what the ids in the masks mean.

A spec that ships is used by its name (`reliseg list datasets`), any other by the path of its .toml file.
All keys:

    labels = "cityscapes"      # a label space that ships, or the path of a .toml file (relative to this one)
    image = ["rgb/{split}/{scene}/{stem}_rgb.png", "rgb/{split}/{scene}/{stem}_rgb.jpg"]
    mask = ["gt/{split}/{scene}/{stem}_ids.png"]
    id = "{stem}"              # what makes an image unique in its scene; {stem} if left out
    usual_void = 0.1           # the share of void pixels that is usual; over twice as many are mentioned

`image` and `mask` are path templates below the root: one, or a list of alternatives. A `{field}` matches part
of one folder's or file's name, as little as possible; a field that appears twice has the same value in both
places. Files of all alternatives are used; a file that matches several belongs to the first. Names that start
with a dot are left out. Every template needs `{stem}`. An image and a mask belong together where all fields
that both have are equal. `{scene}` groups images (a city, a video); without it the scene is `all`. A sample's
id is `SCENE/` and what `id` gives. A spec without `mask` is for `annotations: none`.

    [fields]                   # regular expressions of fields that are not just any name
    split = "train|val"

    [derive]                   # fields that stand inside another: group 1 of a pattern that matches all of it
    scene = { from = "stem", pattern = "([^_]+)_.+" }

    [label_map]
    encoding = "index"         # index: pixels are ids (the default); red: ids in the first channel of RGB;
                               # color: pixels are exact colors of the label space's palette
    known = { 7 = 0, 8 = 1 }   # id in the file = id of the label space; "identity" (the default): the same
    unknown = [8, 16]          # objects that the classes do not cover
    void = [0, 1, 255]         # pixels that nothing counts; [255] if left out
                               # with encoding color these two are lists of colors: void = [[0, 0, 0]]
    unlisted = "error"         # all other ids (or colors): "error" (the default) or "void"

    [default]                  # the values of fields that a domain does not name
    split = "val"

    [domains]                  # the domains that there are if a configuration names none
    night = { condition = "night" }

    [depth]                    # how far everything is, for corruptions that need it; `map` and `camera` are templates
    map = "disparity/{split}/{scene}/{stem}_disparity.png"     # grey, of 16 or 8 bits
    camera = "camera/{split}/{scene}/{stem}_camera.json"       # only where numbers below stand in such a file
    stores = "disparity"       # pixels of disparity (the default), or metres: those of (stored - offset) / scale
    offset = 1                 # 0 if left out
    scale = 256                # 1 if left out
    holes = [0]                # stored values of pixels whose depth is not known; [0] if left out
    focal = "intrinsic.fx"     # in pixels: a number, or where it stands in the camera's file
    baseline = "extrinsic.baseline"                            # in metres; only of disparities
    center = ["intrinsic.u0", "intrinsic.v0"]                  # column and row of its axis; with it, along rays

A domain is a table of conditions that all hold: a field with the value or values it may have (`split`,
`condition`; `scenes` is the same as `scene`; "*" is any value, in the place of a default too), `samples` and `exclude`
(lists of ids), `annotations = "none"` (images only), `augment` (copies of the images in their place, `{ kind =
"photometric", copies = 3, draws = 3, seed = 0 }`); or only `union`, a list of other domains. The domains of a
configuration are written alike; one that has the name of a domain here starts from it.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, time
from pathlib import Path
from typing import Any

from reliseg.data.template import Template, fields_in
from reliseg.errors import ConfigError, one_line, suggestion
from reliseg.registry import shipped_files
from reliseg.runtime.text_files import quoted
from reliseg.runtime.toml_files import read_toml

_KEYS = ("labels", "image", "mask", "id", "usual_void", "fields", "derive", "label_map", "default", "domains", "depth")
DOMAIN_KEYS = ("scenes", "samples", "exclude", "annotations", "augment", "union")


@dataclass(frozen=True)
class DerivedField:
    """A field that stands inside another one."""

    source: str
    pattern: re.Pattern[str]


@dataclass(frozen=True)
class Spec:
    """A parsed spec; the docstring of this module says what its parts mean."""

    name: str
    labels: str
    image: tuple[Template, ...]
    mask: tuple[Template, ...]
    id: str
    fields: Mapping[str, str]
    derive: Mapping[str, DerivedField]
    label_map: Mapping[str, Any]
    default: Mapping[str, Any]
    domains: Mapping[str, Mapping[str, Any]]
    depth: Mapping[str, Any] = field(default_factory=dict)
    usual_void: float | None = None
    """The share of void pixels that is usual, 0 to 1."""

    @property
    def image_fields(self) -> tuple[str, ...]:
        """The fields that every image has, `scene` among them."""
        return tuple(dict.fromkeys((*self._fields_of(self.image), "scene")))

    @property
    def mask_fields(self) -> tuple[str, ...]:
        """The fields that every mask has."""
        return self._fields_of(self.mask)

    @property
    def shared_fields(self) -> tuple[str, ...]:
        """The fields that pair an image with its mask."""
        return tuple(f for f in self.image_fields if f in self.mask_fields)

    def _fields_of(self, templates: Sequence[Template]) -> tuple[str, ...]:
        own = dict.fromkeys(f for template in templates for f in template.fields)
        return tuple(dict.fromkeys((*own, *(f for f, d in self.derive.items() if d.source in own))))

    def with_templates(self, image: str | Sequence[str], mask: str | Sequence[str]) -> "Spec":
        """Return the spec with these templates; where they are empty, its own stay."""
        spec = replace(
            self,
            image=_templates("image", image, self.fields) if image else self.image,
            mask=_templates("mask", mask, self.fields) if mask else self.mask,
        )
        missing = [f for f in fields_in(spec.id) if f not in spec.image_fields]
        return replace(spec, id="{stem}") if missing else spec


def dataset_names() -> list[str]:
    """Return the names of the data set specs that ship with reliseg."""
    return list(shipped_files("reliseg.data", "specs/*.toml"))


def read_spec(name: str, folder: Path = Path()) -> Spec:
    """Read the spec that ships as `name`, or that of a .toml file, relative to `folder`."""
    path = shipped_files("reliseg.data", "specs/*.toml").get(name)
    if path is None:
        path = folder / Path(name).expanduser()
        if path.suffix != ".toml":
            raise ConfigError(f"unknown data set spec {name!r}; {suggestion(name, dataset_names())}, or a .toml file")
    table = read_toml(path, "data set spec")
    try:
        return _parse(path, table)
    except ConfigError as error:
        raise ConfigError(f"data set spec {path}: {error}") from error


def check_keys(where: str, keys: Iterable[object], known: Iterable[str]) -> None:
    """Raise a ConfigError with the nearest known key if `keys` holds an unknown one."""
    known = tuple(known)
    for key in keys:
        if key not in known:
            raise ConfigError(f"{where}: unknown key {quoted(str(key))}; {suggestion(str(key), known)}")


def strings(where: str, value: object) -> tuple[str, ...]:
    """Return one string, or a list of them that is not empty; a ConfigError that asks for quotes where one is none."""
    items = value if isinstance(value, list | tuple) else [value]
    for item in items:
        if isinstance(item, int | float | date | time):
            raise ConfigError(f"{where}: {quoted(item)} is no name; put it in quotes, as the files have it")
    if not items or not all(isinstance(item, str) for item in items):
        raise ConfigError(f"{where}: give a name or a list of names, not {quoted(value)}")
    return tuple(str(item) for item in items)


def _share(where: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ConfigError(f"{where} is a share of the pixels, from 0 to 1, not {quoted(value)}")
    return float(value)


def _text(where: str, value: object) -> str:
    if not isinstance(value, str):
        raise ConfigError(f"{where}: give a text in quotes, not {quoted(value)}")
    return value


def _parse(path: Path, table: Mapping[str, Any]) -> Spec:
    check_keys("spec", table, _KEYS)
    for key in ("labels", "image"):
        if key not in table:
            raise ConfigError(f"the key {key} is missing")
    for key in ("fields", "derive", "label_map", "default", "domains", "depth"):
        if not isinstance(table.get(key, {}), dict):
            raise ConfigError(f"{key} must be a table, [{key}]")
    for name, domain in table.get("domains", {}).items():
        if not isinstance(domain, dict):
            raise ConfigError(f"domains.{name} must be a table, like {name} = {{ split = 'val' }}")
    labels = _text("labels", table["labels"])
    fields = table.get("fields", {})
    for name, pattern in fields.items():
        _pattern(f"fields.{name}", pattern)
    spec = Spec(
        name=path.stem,
        labels=str(path.parent / Path(labels).expanduser()) if labels.endswith(".toml") else labels,
        image=_templates("image", table["image"], fields),
        mask=_templates("mask", table["mask"], fields) if "mask" in table else (),
        id=_text("id", table.get("id", "{stem}")),
        fields=fields,
        derive={name: _parse_derived_field(name, entry) for name, entry in table.get("derive", {}).items()},
        label_map=table.get("label_map", {}),
        default=table.get("default", {}),
        domains=table.get("domains", {}),
        depth=table.get("depth", {}),
        usual_void=_share("usual_void", table["usual_void"]) if "usual_void" in table else None,
    )
    _check_fields(spec)
    return spec


def _check_fields(spec: Spec) -> None:
    """Raise a ConfigError if a part of the spec names a field that no template has."""
    known = spec.image_fields
    every = tuple(dict.fromkeys((*known, *spec.mask_fields)))
    check_keys("fields", spec.fields, every)
    check_keys("derive", (d.source for d in spec.derive.values()), every)
    in_templates = {f for template in (*spec.image, *spec.mask) for f in template.fields}
    for name, derived in spec.derive.items():
        if derived.source not in in_templates:
            raise ConfigError(
                f"derive.{name}: {derived.source} is derived itself; derive {name} from a field of a template"
            )
    check_keys("default", spec.default, known)
    check_keys("id", fields_in(spec.id), known)
    for name in every:
        if name in DOMAIN_KEYS:
            raise ConfigError(f"a field cannot be called {name!r}: domains use this word; choose another")
    for name, value in spec.default.items():
        strings(f"default.{name}", value)
    for name, domain in spec.domains.items():
        check_keys(f"domains.{name}", domain, (*known, *DOMAIN_KEYS))
        for key, value in domain.items():
            if key not in ("annotations", "augment"):
                strings(f"domains.{name}.{key}", value)


def _templates(key: str, value: object, fields: Mapping[str, str]) -> tuple[Template, ...]:
    return tuple(Template.of(text, fields) for text in strings(key, value))


def _parse_derived_field(name: str, entry: object) -> DerivedField:
    if not isinstance(entry, dict) or set(entry) != {"from", "pattern"}:
        raise ConfigError(f"derive.{name} must be a table of from and pattern")
    pattern = _pattern(f"derive.{name}", entry["pattern"])
    if pattern.groups < 1:
        raise ConfigError(f"derive.{name}: the pattern needs a group, like '([^_]+)_.+'")
    return DerivedField(_text(f"derive.{name}: from", entry["from"]), pattern)


def _pattern(where: str, text: object) -> re.Pattern[str]:
    try:
        return re.compile(_text(where, text))
    except (re.error, OverflowError, RecursionError) as error:
        raise ConfigError(f"{where}: {quoted(text)} is not a regular expression: {one_line(error)}") from error
