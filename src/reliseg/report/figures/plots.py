"""Charts of results in Python: what `Results.plot` is."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from reliseg.errors import ConfigError, suggestion
from reliseg.report.charts.style import THEMES, Look, theme
from reliseg.report.figures.catalog import one_figure
from reliseg.report.figures.choice import Choice, chosen_material
from reliseg.report.figures.kinds import KINDS
from reliseg.report.joined import JoinedRuns, join_runs
from reliseg.results import Results

_SHOWN = ("model", "domain", "calibration", "score", "width", "theme")
_WIDTH = 640


class Plots:
    """Charts of results, each as an Altair chart: `results.plot.reliability(model="net", domain=["day", "dusk"])`.

    All take `model`, `domain` and `calibration` (a name or a list of names), `score`, `width` in pixels, and `theme`:
    `light`, `dark`, or `paper`, which does not answer to the mouse and has the sizes of print. Without names they show
    what `reliseg figures` does; of charts of single models, that of the first model.
    """

    def __init__(self, results: Results) -> None:
        self._results = results

    def __repr__(self) -> str:
        return f"Plots({', '.join(KINDS)})"

    def intervals(self, metric: str = "ece", **shown: Any) -> Any:
        """Return a number of models and domains in order, with its intervals."""
        return self._chart("intervals", metric, shown)

    def accuracy_against(self, metric: str = "ece", **shown: Any) -> Any:
        """Return mIoU against another number: does better accuracy bring better reliability?"""
        return self._chart("accuracy_against", metric, shown)

    def before_after(self, metric: str = "ece", **shown: Any) -> Any:
        """Return what each calibration changes of a number."""
        return self._chart("before_after", metric, shown)

    def over_severity(self, metric: str = "miou", **shown: Any) -> Any:
        """Return a number against the severity of corruptions, from clean images on."""
        return self._chart("over_severity", metric, shown)

    def per_class(self, metric: str = "iou", **shown: Any) -> Any:
        """Return a number of each class, the best first."""
        return self._chart("per_class", metric, shown)

    def reliability(self, **shown: Any) -> Any:
        """Return reliability diagrams: accuracy against confidence, and the pixels of each bin."""
        return self._chart("reliability", "", shown)

    def risk_coverage(self, **shown: Any) -> Any:
        """Return risk-coverage curves, between an oracle and chance."""
        return self._chart("risk_coverage", "", shown)

    def histograms(self, **shown: Any) -> Any:
        """Return histograms of a score, of right and wrong and of known and unknown pixels."""
        return self._chart("histograms", "", shown)

    def confusion(self, **shown: Any) -> Any:
        """Return confusion matrices: what the pixels of each class are taken for."""
        return self._chart("confusion", "", shown)

    def _chart(self, name: str, metric: str, shown: dict[str, Any]) -> Any:
        for key in shown:
            if key not in _SHOWN:
                raise ConfigError(f"plot.{name}: no argument is called {key!r}; {suggestion(key, _SHOWN)}")
        chosen = shown.get("theme", "light")
        if chosen not in THEMES:
            raise ConfigError(f"plot.{name}: no theme is called {chosen!r}; {suggestion(str(chosen), THEMES)}")
        models, domains, calibrations = (_names(shown.get(key, ())) for key in ("model", "domain", "calibration"))
        choice = Choice(models, domains, calibrations, [metric] if metric else [], shown.get("score", ""))
        figure = one_figure(chosen_material(self._curves if not metric else self._rows, choice), choice, name)
        chart = figure.draw(Look(float(shown.get("width", _WIDTH)), interactive=chosen != "paper"))
        if figure.model:
            chart = chart.properties(title=figure.model)
        return chart.configure(**theme(chosen))

    @cached_property
    def _rows(self) -> JoinedRuns:
        return join_runs({"": self._results}, with_curves=False)

    @cached_property
    def _curves(self) -> JoinedRuns:
        return join_runs({"": self._results}, with_curves=True)


def _names(given: str | Sequence[str]) -> list[str]:
    return [given] if isinstance(given, str) else list(given)
