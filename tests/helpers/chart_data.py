"""Results and curves for charts, with names that nobody would choose."""

from dataclasses import replace

from reliseg.results import Origin, Results, Row, Value

HOSTILE = "<script>alert('1')</script> \"quoted\" 🚗 \\ ' ]" + "x" * 300
DOMAINS = ("street/day", "street/dusk")
CALIBRATIONS = ("identity", "ts@street/cal")


def chart_results(models=("net", HOSTILE)):
    """Return accuracy, ECE and IoU of models: each number has an interval, but ECE on the first domain."""
    rows = []
    for i, model in enumerate(models):
        for j, domain in enumerate(DOMAINS):
            for k, calibration in enumerate(CALIBRATIONS):
                dataset, _, name = domain.partition("/")
                origin = Origin(model, dataset, name, "", calibration)
                values = [
                    Value.exact("miou", 0.7 - 0.1 * j - 0.01 * i, "miou/1"),
                    Value.exact("ece", 0.05 + 0.02 * j - 0.01 * k + 0.001 * i, "ece/1", score="msp"),
                    Value.exact("iou", 0.8, "iou/1", label="road"),
                    Value.exact("iou", 0.4, "iou/1", label=HOSTILE),
                    Value.undefined("iou", "the class does not occur", "iou/1", label="sky"),
                ]
                for value in values:
                    row = Row.of(origin, value, n_images=50, n_pixels=1000)
                    bare = value.why or (value.metric == "ece" and j == 0)
                    rows.append(row if bare else replace(row, ci_low=row.value - 0.01, ci_high=row.value + 0.02))
    return Results(tuple(rows))


def chart_state(model="net", domain="day", calibration="identity", unknown=(1, 0)):
    """Return what curves hold of one model on one domain: 100 pixels, 10 of them wrong."""
    return {
        "model": model,
        "dataset": "street",
        "domain": domain,
        "calibration": calibration,
        "labels": ["road", HOSTILE, "sky"],
        "confusion": [[72, 8, 0, 0], [2, 18, 0, 0], [0, 0, 0, 0]],
        "reliability": {
            "low": [0.0, 0.4, 0.8],
            "high": [0.4, 0.8, 1.0],
            "pixels": [0, 20, 80],
            "right": [0, 12, 78],
            "confidence": [0.0, 14.0, 76.0],
        },
        "scores": {
            "msp": {
                "risk_coverage": {"coverage": [0.5, 0.95, 1.0], "risk": [0.01, 0.06, 0.1]},
                "oracle": 0.005,
                "error_rate": 0.1,
                "histogram": {"edges": [0.0, 0.5, 1.0], "wrong": [6, 4], "right": [10, 80], "unknown": list(unknown)},
            }
        },
    }
