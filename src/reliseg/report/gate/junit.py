"""A gate's answers as JUnit XML, which the pages of CI services show as tests."""

import io
import re
from collections.abc import Sequence
from typing import Literal
from xml.etree import ElementTree

from reliseg.report.gate.gate import Verdict
from reliseg.report.gate.judgement import Answer, Judged
from reliseg.report.gate.wording import explain, name_rows
from reliseg.runtime.printable import printable

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_xml(verdicts: Sequence[Verdict], undecided: Literal["skipped", "failure"] = "skipped") -> bytes:
    """Return a suite for each condition with a test for each row; what is undecided is a skipped test, or a failure."""
    root = ElementTree.Element("testsuites", {"name": "reliseg gate"})
    for verdict in verdicts:
        _add_suite(root, verdict, {"fail": "failure", "undecided": undecided})
    totals = {name: str(sum(int(suite.get(name, "0")) for suite in root)) for name in _COUNTED}
    root.attrib.update(totals)
    ElementTree.indent(root)
    file = io.BytesIO()
    ElementTree.ElementTree(root).write(file, encoding="utf-8", xml_declaration=True)
    return file.getvalue() + b"\n"


_COUNTED = ("tests", "failures", "errors", "skipped")


def _add_suite(root: ElementTree.Element, verdict: Verdict, tags: dict[Answer, str]) -> None:
    found = [tags.get(one.answer, "") for one in verdict.judged]
    counts = {
        "tests": len(found),
        "failures": found.count("failure"),
        "errors": 0,
        "skipped": found.count("skipped"),
    }
    condition = _text(verdict.condition.text)
    suite = ElementTree.SubElement(root, "testsuite", {"name": condition} | {k: str(v) for k, v in counts.items()})
    for one, name, tag in zip(verdict.judged, name_rows(verdict), found, strict=True):
        test = {"classname": "reliseg.gate", "name": f"{condition}: {_text(name)}", "time": "0"}
        _describe(ElementTree.SubElement(suite, "testcase", test), one, verdict, tag)


def _describe(test: ElementTree.Element, judged: Judged, verdict: Verdict, tag: str) -> None:
    if tag:
        condition = verdict.condition
        limit = f"it fails if {condition.comparison} {condition.limit:g}"
        message = _text(f"{judged.answer}: {explain(judged, verdict)}; {limit}")
        kind = {"type": judged.answer} if tag == "failure" else {}
        ElementTree.SubElement(test, tag, {"message": message} | kind)
    else:
        ElementTree.SubElement(test, "system-out").text = _text(explain(judged, verdict))


def _text(text: str) -> str:
    """Return text that XML may hold, on one line."""
    return _NO_XML.sub(lambda match: f"\\u{ord(match[0]):04x}", printable(text))
