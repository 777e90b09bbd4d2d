"""The file: a template with style, programs and packed data in it."""

import base64
import json
import zlib
from collections.abc import Mapping, Sequence
from functools import cache
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

from reliseg.errors import MissingExtraError
from reliseg.report.page.corruption_data import corruption_data
from reliseg.report.page.numbers import packed
from reliseg.report.page.payload import head, parts
from reliseg.report.page.picture_data import picture_data
from reliseg.report.page.run_files import RunFiles
from reliseg.report.page.specs import chart_specs, chart_themes
from reliseg.report.page.tables import join_runs, names_of, run_titles
from reliseg.report.page.verdict import verdict

_PROGRAMS = (
    *("dom", "data", "tips", "tables", "charts", "overview", "curves", "corruptions"),
    *("layers", "pictures", "details", "controls"),
)
_DRAW = (
    "window.drawChart=(place,spec,config)=>vegaEmbed(place,spec,"
    "{actions:false,renderer:'svg',ast:true,config,tooltip:{theme:'custom'}})"
)


PICTURE_BUDGET = 8_000_000
"""Bytes."""


def build_page(
    runs: Sequence[RunFiles], *, title: str = "Reliability report", picture_budget: float = PICTURE_BUDGET
) -> str:
    """Return the page of these runs. It is one file, asks for no other, and the same runs give the same bytes.

    The pictures in it take at most `picture_budget` bytes.
    """
    names = names_of(runs)
    table = join_runs(runs, names)
    packed = [_pack(part) for part in parts(table, runs, names)]
    pictures = picture_data(table, runs, names, picture_budget)
    data = head(table, runs) | {
        "corruptions": corruption_data(table, runs, names),
        "specs": chart_specs(),
        "themes": chart_themes(),
        "pictures": pictures.head,
    }
    return Template(_text("page.html")).substitute(
        title=escape(f"{title}: {', '.join(run_titles(runs))}"),
        style=_text("page.css"),
        verdict=verdict(table, runs, names),
        head=_pack(data),
        parts="\n".join(f'<script type="text/plain" class="part">{part}</script>' for part in packed),
        blobs="\n".join(f'<script type="text/plain" class="blob">{blob}</script>' for blob in pictures.blobs),
        bundle=f"(()=>{{{_bundle()}}})();",
        program="(() => {\n'use strict';\n" + "\n".join(_text(f"{name}.js") for name in _PROGRAMS) + "\n})();",
    )


def _text(name: str) -> str:
    return files("reliseg.report.page").joinpath("web", name).read_text(encoding="utf-8")


def _pack(data: Mapping[str, Any]) -> str:
    """Return the data as JSON, deflated, in base64: no name in it can be taken for markup."""
    text = json.dumps(packed(data), separators=(",", ":"), allow_nan=False)
    return base64.b64encode(zlib.compress(text.encode("ascii"), 9)).decode("ascii")


@cache
def _bundle() -> str:
    """Return the program that draws charts."""
    try:
        import vl_convert
    except ImportError as error:
        raise MissingExtraError("vl_convert", "report", "the report page") from error
    return str(vl_convert.javascript_bundle(_DRAW))
