"""Write the table of docs/comparison.md from the run of examples/camvid-calibration.yaml.

python docs/calibration_table.py RUN
"""

import sys
from pathlib import Path

from reliseg.report.table import parts_of_means
from reliseg.results import Results

PAGE = Path(__file__).with_name("comparison.md")
BEGIN, END = "<!-- table -->\n", "<!-- end of table -->\n"
METRICS = {
    "nll": "NLL",
    "ece": "ECE",
    "ada_ece": "adaptive ECE",
    "ks": "KS",
    "prr": "PRR",
    "miou": "mIoU",
    "flip_rate": "flipped",
}


def table(results: Results) -> str:
    """One line per network, domain and method; the mean where a method has several seeds."""
    hidden = parts_of_means({r.calibration for r in results})
    lines = [f"| network | domain | method | {' | '.join(METRICS.values())} |", "| --- " * (3 + len(METRICS)) + "|"]
    for origin in dict.fromkeys((r.model, r.domain, r.calibration) for r in results):
        model, domain, calibration = origin
        if calibration in hidden:
            continue
        rows = results.where(model=model, domain=domain, calibration=calibration)
        numbers = [f"{rows.value(m):.1f}" if m == "prr" else f"{rows.value(m):.4f}" for m in METRICS]
        lines.append(f"| {model} | {domain} | `{calibration.partition('@')[0]}` | {' | '.join(numbers)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Replace the table of the page."""
    page = PAGE.read_text(encoding="utf-8")
    start, end = page.index(BEGIN) + len(BEGIN), page.index(END)
    fresh = table(Results.read(Path(sys.argv[1]) / "results.json"))
    PAGE.write_text(page[:start] + fresh + page[end:], encoding="utf-8")


if __name__ == "__main__":
    main()
