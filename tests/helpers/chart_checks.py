"""What must hold of every chart."""

import json

from reliseg.report.charts.style import ONE_COLUMN, THEMES, TWO_COLUMNS, Look, fitted, svg_of, themed


def data_of_spec(spec):
    """Return the data of a specification and of its parts, each a list of records."""
    own = spec.get("data", {}).get("values", [])
    parts = [part for key in ("layer", "concat", "vconcat") for part in spec.get(key, [])]
    inner = [d for part in [*parts, *([spec["spec"]] if "spec" in spec else [])] for d in data_of_spec(part)]
    return [own, *spec.get("datasets", {}).values(), *inner]


def check_chart(draw, records):
    """Check that the records stand in the specification as they are, and that it is drawn in all sizes and themes."""
    for look in (Look(ONE_COLUMN), Look(TWO_COLUMNS), Look(700, interactive=True)):
        spec = draw(look).to_dict()  # which validates it
        assert any(_same(values, records) for values in data_of_spec(spec))
        text = json.dumps(spec)
        assert ('"params"' in text or '"tooltip": [' in text) == look.interactive
        assert "#000" not in text
    for name in THEMES:
        svg = svg_of(themed(draw(Look()), name))
        assert "<svg" in svg
        assert "<script" not in svg
    assert 'width="49' in fitted(draw, Look(TWO_COLUMNS), "paper")[:200]


def _same(values, records):
    """Tell if these are the records, in any order: names down the side are ranked."""
    kept = [json.dumps({k: r.get(k) for k in records[0]}) for r in values]
    return sorted(kept) == sorted(map(json.dumps, records))
