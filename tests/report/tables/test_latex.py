"""LaTeX that compiles, whatever the names hold."""

import re
import shutil
import subprocess

import pytest
from helpers.result_rows import HOSTILE, result_row

from reliseg.report.joined import JoinedRuns
from reliseg.report.tables import Wanted, Writing, table_text
from reliseg.report.tables.latex import escaped, latex_text
from reliseg.report.tables.table import table_of

EVIL = (*HOSTILE, "\\input{/etc/passwd}", "100%&$x_1#{}~^", "[2em]", "*", "a--b,,c``d''e", "^^5cinput", "é ß ł 漢字 −")


def test_every_special_character_is_escaped():
    assert escaped("a_b & 5 % of $x #1 {y}") == r"a\_b \& 5 \% of \$x \#1 \{y\}"
    assert escaped("\\~^<>|\"'`") == "".join(
        rf"\text{name}{{}}"
        for name in (
            *("backslash", "asciitilde", "asciicircum", "less", "greater", "bar"),
            *("quotedbl", "quotesingle", "asciigrave"),
        )
    )
    assert escaped("a--b,,c - d, e") == "a-{}-b,{},c - d, e"
    assert escaped("[x]*") == "{[}x{]}{*}"
    assert escaped("é 漢 🚗") == "é U+6F22 U+1F697"


@pytest.mark.parametrize("name", EVIL)
def test_braces_match_and_no_name_is_a_command(name):
    text = escaped(name)
    bare = re.sub(r"\\[a-z]+\{\}|\\[&%$#_{}]|\$-\$", "", text)
    assert not set(bare) & set("\\&%$#_~^")
    assert bare.count("{") == bare.count("}")


def evil_table():
    rows = [
        result_row(0.5, metric="miou", model=model, domain=domain)
        for model in EVIL
        for domain in ("day", "[night]", "100%_dusk")
    ]
    return latex_text(table_of(JoinedRuns(tuple(rows)), Wanted(), Writing()))


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="needs pdflatex: apt-get install texlive-latex-recommended")
def test_a_table_of_hostile_names_compiles(tmp_path):
    text = evil_table()
    document = (
        "\\documentclass{article}\\usepackage[T1]{fontenc}\\usepackage{booktabs}\n\\begin{document}\n"
        f"{text}\\end{{document}}\n"
    )
    (tmp_path / "table.tex").write_text(document, encoding="utf-8")
    words = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "table.tex"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, errors="replace", check=False)
    assert done.returncode == 0, done.stdout[-2000:]


def test_packages_that_the_snippet_needs_are_said():
    plain = table_text(JoinedRuns((result_row(0.5, metric="miou"),)), Wanted(), Writing())
    assert plain.startswith("% needs \\usepackage{booktabs}\n\\begin")
    assert "% needs \\usepackage[T1]{fontenc}" in evil_table()
