"""Draws a workflow: blocks in layers from Start down, each below everything that leads to it, and the lines between.

Gives numbers for a template that writes SVG; nothing here makes markup.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from workflows.blocks.base import registry
from workflows.definition.graph import Graph
from workflows.definition.structure import Definition

WIDTH, HEIGHT, ACROSS, DOWN, MARGIN = 200, 56, 28, 52, 16
LONGEST_CAPTION = 26


@dataclass(slots=True)
class Box:
    """One block at its place. `problems`: error, warning or empty."""

    id: str
    caption: str
    label: str
    icon: str
    layer: int
    x: float = 0
    y: float = 0
    problem: str = ""
    is_passed: bool = False
    is_current: bool = False
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def middle(self) -> float:
        return self.x + WIDTH / 2

    @property
    def short(self) -> str:
        return (
            self.caption
            if len(self.caption) <= LONGEST_CAPTION
            else self.caption[: LONGEST_CAPTION - 1] + "…"
        )


@dataclass(frozen=True, slots=True)
class Line:
    """A connection as a path; `tone`: yes, no, error or empty."""

    path: str
    tone: str
    word: str
    x: float
    y: float
    is_passed: bool


@dataclass(frozen=True, slots=True)
class Drawing:
    boxes: list[Box]
    lines: list[Line]
    width: float
    height: float
    box_width: int = WIDTH
    box_height: int = HEIGHT


def draw(
    definition: Definition, *, counts: Mapping[str, Mapping[str, int]] | None = None,
    problems: Mapping[str, str] | None = None, passed: Mapping[str, str] | None = None, current: str = "",
) -> Drawing:  # fmt: skip
    """Place the blocks of a definition.

    Args:
        counts: numbers by block. problems: `error` or `warning` by block.
        passed: of one launch, the output it took, by block; current: the block it stands on.
    """
    graph = Graph.of(definition)
    boxes = {}
    for name, layer in _layers(graph).items():
        node = graph.nodes[name]
        block = registry.get(node.type)
        label = str(block.label) if block is not None else node.type
        boxes[name] = Box(
            name, node.data.caption or label, label, block.icon if block is not None else "help", layer,
            problem=(problems or {}).get(name, ""), is_passed=name in (passed or {}) or name == current,
            is_current=name == current, counts=dict((counts or {}).get(name, {})),
        )  # fmt: skip
    width = _place(graph, boxes)
    height = max((box.y for box in boxes.values()), default=0) + HEIGHT + MARGIN
    return Drawing(list(boxes.values()), _lines(graph, boxes, passed or {}), width, height)


def _layers(graph: Graph) -> dict[str, int]:
    """Layer by block: the longest way to it; circles are cut where they close. Blocks nothing leads to come last."""
    order: list[str] = []
    state: dict[str, int] = {}
    start = graph.start
    roots = [*([start.id] if start else []), *graph.nodes]
    for root in roots:
        pending = [(root, False)]
        while pending:
            name, is_left = pending.pop()
            if is_left:
                order.append(name)
                state[name] = 2
            elif name not in state:
                state[name] = 1
                pending.append((name, True))
                pending.extend(
                    (edge.target, False) for edge in graph.leaving[name] if edge.target not in state
                )
    place = {name: number for number, name in enumerate(reversed(order))}
    layers = dict.fromkeys(sorted(place, key=lambda name: place[name]), 0)
    for name in layers:
        for edge in graph.leaving[name]:
            if place[edge.target] > place[name]:
                layers[edge.target] = max(layers[edge.target], layers[name] + 1)
    return layers


def _place(graph: Graph, boxes: dict[str, Box]) -> float:
    """Order each layer by where its sources stand; returns the width."""
    rows: dict[int, list[Box]] = {}
    for box in boxes.values():
        rows.setdefault(box.layer, []).append(box)
    widest = max((len(row) for row in rows.values()), default=1)
    width = widest * (WIDTH + ACROSS) - ACROSS + 2 * MARGIN
    for layer in sorted(rows):
        row = sorted(rows[layer], key=lambda box: _wanted(graph, boxes, box))
        taken = len(row) * (WIDTH + ACROSS) - ACROSS
        for place, box in enumerate(row):
            box.x = (width - taken) / 2 + place * (WIDTH + ACROSS)
            box.y = MARGIN + layer * (HEIGHT + DOWN)
    return width


def _wanted(graph: Graph, boxes: dict[str, Box], box: Box) -> float:
    """Where a block would like to stand: below its sources, a little to the side of the exit that leads to it."""
    wishes = []
    for edge in graph.reaching[box.id]:
        source = boxes[edge.source]
        if source.layer < box.layer:
            exits = [one.sourceHandle for one in graph.leaving[edge.source]]
            wishes.append(source.middle + 10 * (exits.index(edge.sourceHandle) - (len(exits) - 1) / 2))
    return sum(wishes) / len(wishes) if wishes else 0


def _lines(graph: Graph, boxes: dict[str, Box], passed: Mapping[str, str]) -> list[Line]:
    words: dict[str, Any] = {
        "yes": _("Yes"),
        "no": _("No"),
        "error": _("Error"),
        "next": "",
        "a": "A",
        "b": "B",
    }
    found = []
    for name, edges in graph.leaving.items():
        source = boxes[name]
        for place, edge in enumerate(edges):
            target = boxes[edge.target]
            x = source.x + WIDTH * (place + 1) / (len(edges) + 1)
            y, end = source.y + HEIGHT, target.y - 5
            bend = max(24.0, abs(end - y) / 2)
            path = f"M{x:.0f},{y:.0f} C{x:.0f},{y + bend:.0f} {target.middle:.0f},{end - bend:.0f} {target.middle:.0f},{end:.0f}"
            handle = edge.sourceHandle
            tone = handle if handle in ("yes", "no", "error") else ""
            word = str(words.get(handle, handle.removeprefix("b:")))
            found.append(Line(path, tone, word, x, y + 14, passed.get(name) == handle))
    return found
