r"""Typeset formulas as MathML while the site is built (a hook of MkDocs).

Formulas stand between dollars in the pages, as GitHub shows them too. Browsers draw MathML by themselves, so the site
needs no script and no font of another host.
"""

import html
import re
from typing import Any

from latex2mathml.converter import convert
from mkdocs.exceptions import PluginError

_FORMULA = re.compile(r'<(span|div) class="arithmatex">\\[(\[](.*?)\\[)\]]</\1>', re.DOTALL)


def on_page_content(text: str, **_: Any) -> str:
    """Replace the formulas of a page."""
    return _FORMULA.sub(_typeset, text)


def _typeset(match: re.Match[str]) -> str:
    display = match[1] == "div"
    formula = convert(html.unescape(match[2]), display="block" if display else "inline")
    if "\\" in formula:
        raise PluginError(f"latex2mathml does not know a command of this formula: {match[2]}")
    return f'<div class="formula">{formula}</div>' if display else formula
