"""One wrapper for all charts: title, legend, axes with a unit, base zero, and the numbers as a table below.

The theme's chart draws them; its defaults (bars of 4 px, no legend, no y-axis, one grey) are replaced here once. Colours
are CSS variables, so that both themes fit.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

PALETTE = (
    "var(--color-primary-600)", "var(--ui-chart-2)", "var(--ui-chart-3)", "var(--ui-chart-4)", "var(--ui-chart-5)",
    "var(--ui-chart-6)",
)  # fmt: skip
DASHES: tuple[list[int], ...] = ([], [6, 3], [2, 2], [8, 3, 2, 3], [1, 3], [10, 4])
MOST_SERIES = 6
AXIS = {"color": "#8a9099", "font": {"size": 12}}


@dataclass(frozen=True, slots=True)
class Series:
    """One line or set of bars; `values` run parallel to the chart's labels."""

    name: Any
    values: Sequence[float]


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart that answers `title`. `note`: period, clock and age of the data. `links`: door of each label, or ''."""

    title: Any
    labels: Sequence[Any]
    series: Sequence[Series]
    unit: Any = ""
    note: Any = ""
    kind: str = "line"  # line, or bar for horizontal bars
    links: Sequence[str] = field(default_factory=tuple)

    @property
    def is_empty(self) -> bool:
        return not any(value for one in self.series for value in one.values)

    @property
    def data(self) -> str:
        """What the theme's script reads."""
        datasets = []
        for place, one in enumerate(self.series[:MOST_SERIES]):
            colour = PALETTE[place % len(PALETTE)]
            datasets.append(
                {
                    "label": str(one.name), "data": list(one.values), "borderColor": colour, "backgroundColor": colour,
                    "borderDash": DASHES[place % len(DASHES)] if self.kind == "line" else [], "borderWidth": 2,
                    "pointRadius": 2, "tension": 0, "maxBarThickness": 20, "borderRadius": 3,
                }
            )  # fmt: skip
        return json.dumps({"labels": [str(label) for label in self.labels], "datasets": datasets})

    @property
    def options(self) -> str:
        count = "y" if self.kind == "line" else "x"
        scales: dict[str, Any] = {
            name: {"grid": {"display": name == count}, "ticks": AXIS | {"maxTicksLimit": 12}}
            for name in ("x", "y")
        }
        scales[count] |= {"beginAtZero": True, "title": {"display": bool(self.unit), "text": str(self.unit)}}
        scales[count]["ticks"] = AXIS | {"precision": 0}
        return json.dumps(
            {
                "animation": False, "responsive": True, "maintainAspectRatio": False,
                "indexAxis": "x" if self.kind == "line" else "y", "scales": scales,
                "plugins": {
                    "legend": {
                        "display": len(self.series) > 1, "position": "top", "align": "end",
                        "labels": {"boxWidth": 14, "boxHeight": 3},
                    }
                },
                "interaction": {"mode": "index", "intersect": False},
            }
        )  # fmt: skip

    @property
    def rows(self) -> list[tuple[Any, str, list[float]]]:
        """(label, door, values) of the table."""
        doors = [*self.links, *[""] * (len(self.labels) - len(self.links))]
        return [
            (label, doors[place], [one.values[place] for one in self.series])
            for place, label in enumerate(self.labels)
        ]
