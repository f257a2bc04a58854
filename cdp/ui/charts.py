"""One wrapper for all charts: title, legend, axes with a unit, base zero, and the numbers as a table below.

Lines are SVG and bars are HTML, both made here: they need no script, print, follow the theme by CSS variables when it is
switched, and their values are text for readers of the screen.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil, floor, log10
from typing import Any

from cdp.ui.formatting import number

MOST_SERIES = 6
MOST_LABELS = 6
TICKS = 4
NEAR_END = 900
WIDTH, HEIGHT = 1_000, 240  # of the plot's own coordinates; it is stretched to its box


@dataclass(frozen=True, slots=True)
class Series:
    """One line or set of bars; `values` run parallel to the chart's labels and are not negative."""

    name: Any
    values: Sequence[float]


@dataclass(frozen=True, slots=True)
class Line:
    """A series as SVG paths; `place` from 1 chooses its colour and dashes."""

    name: Any
    place: int
    path: str
    dots: str


@dataclass(frozen=True, slots=True)
class Label:
    """A text below the plot: `left` in percent, `side` where it is aligned: middle or end."""

    text: Any
    left: int
    side: str


@dataclass(frozen=True, slots=True)
class Plot:
    """What the template draws. `ticks`: (percent from the top, value). `spots`: (x, width, what to say of that place)."""

    lines: list[Line]
    ticks: list[tuple[int, float]]
    labels: list[Label]
    spots: list[tuple[int, int, str]]


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar with its value at the end; `width` in percent of the longest."""

    label: Any
    link: str
    value: float
    width: int


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart that answers `title`. `note`: period, clock and age of the data. `links`: door of each label, or ''."""

    title: Any
    labels: Sequence[Any]
    series: Sequence[Series]
    unit: Any = ""
    note: Any = ""
    kind: str = "line"  # line, or bar for horizontal bars of the first series
    links: Sequence[str] = field(default_factory=tuple)

    @property
    def is_empty(self) -> bool:
        return not any(value for one in self.series for value in one.values)

    @property
    def bars(self) -> list[Bar]:
        """The first series as bars."""
        values = self.series[0].values
        most = max(values, default=0) or 1
        return [
            Bar(label, link, value, round(100 * value / most))
            for (label, link, _values), value in zip(self.rows, values, strict=True)
        ]

    @property
    def plot(self) -> Plot:
        """The series as lines over a base of zero."""
        drawn = self.series[:MOST_SERIES]
        step, top = scale_of(max((value for one in drawn for value in one.values), default=0))
        count = len(self.labels)
        places = [round(WIDTH * (place + 0.5) / count) for place in range(count)]
        lines = []
        for place, one in enumerate(drawn, start=1):
            points = [
                (x, round(HEIGHT * (1 - value / top))) for x, value in zip(places, one.values, strict=True)
            ]
            path = "M" + " L".join(f"{x},{y}" for x, y in points)
            dots = " ".join(f"M{x},{y}h0" for (x, y), value in zip(points, one.values, strict=True) if value)
            lines.append(Line(one.name, place, path, dots))
        ticks = [
            (round(100 * (1 - step * number_ / top)), step * number_)
            for number_ in range(round(top / step) + 1)
        ]
        return Plot(lines, ticks, self._shown_labels(places), self._spots(drawn, places))

    def _shown_labels(self, places: Sequence[int]) -> list[Label]:
        """At most `MOST_LABELS`, evenly spread, the first among them."""
        every = ceil(len(places) / MOST_LABELS) or 1
        return [
            Label(
                self.labels[place],
                round(100 * places[place] / WIDTH),
                "end" if places[place] > NEAR_END else "middle",
            )
            for place in range(0, len(places), every)
        ]

    def _spots(self, drawn: Sequence[Series], places: Sequence[int]) -> list[tuple[int, int, str]]:
        width = ceil(WIDTH / (len(places) or 1))
        return [
            (x - width // 2, width, f"{self.labels[place]}: "
             + ", ".join(f"{one.name} {number(one.values[place])}" for one in drawn))
            for place, x in enumerate(places)
        ]  # fmt: skip

    @property
    def rows(self) -> list[tuple[Any, str, list[float]]]:
        """(label, door, values) of the table."""
        doors = [*self.links, *[""] * (len(self.labels) - len(self.links))]
        return [
            (label, doors[place], [one.values[place] for one in self.series])
            for place, label in enumerate(self.labels)
        ]


def scale_of(most: float) -> tuple[float, float]:
    """Step and top of an axis from zero that holds `most`: steps of 1, 2 or 5 times a power of ten, whole numbers."""
    if most <= TICKS:
        return 1, max(1, ceil(most))
    raw = most / TICKS
    power = 10 ** floor(log10(raw))
    step = next(step * power for step in (1, 2, 5, 10) if step * power >= raw)
    return step, step * ceil(most / step)
