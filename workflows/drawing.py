"""Draws a workflow: blocks in layers from Start down, each below everything that leads to it, and the lines between.

Gives numbers for a template that writes SVG; nothing here makes markup.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from workflows.blocks.base import registry
from workflows.definition.graph import Graph
from workflows.definition.structure import Definition

WIDTH, HEIGHT, ACROSS, DOWN, MARGIN = 200, 56, 28, 52, 16
PASSING = 16  # room for a line beside the blocks of a layer
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
    width, through = _place(graph, boxes)
    height = max((box.y for box in boxes.values()), default=0) + HEIGHT + MARGIN
    return Drawing(list(boxes.values()), _lines(graph, boxes, through, passed or {}), width, height)


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


@dataclass(slots=True)
class _Slot:
    """A place in a layer: a block, or room for a line that passes through."""

    width: float
    box: Box | None = None
    x: float = 0

    @property
    def middle(self) -> float:
        return self.x + self.width / 2


def _place(graph: Graph, boxes: dict[str, Box]) -> tuple[float, dict[str, list[_Slot]]]:
    """Order each layer by where its sources stand; returns the width, and the slots each long line passes through."""
    layers: dict[int, list[tuple[_Slot, list[tuple[_Slot, float]]]]] = {}
    slots = {name: _Slot(WIDTH, box) for name, box in boxes.items()}
    through: dict[str, list[_Slot]] = {}
    sources: dict[str, list[tuple[_Slot, float]]] = {name: [] for name in boxes}
    for name, edges in graph.leaving.items():
        for place, edge in enumerate(edges):
            offset = 10.0 * (place - (len(edges) - 1) / 2)
            last, way = slots[name], []
            for layer in range(boxes[name].layer + 1, boxes[edge.target].layer):
                passing = _Slot(PASSING)
                layers.setdefault(layer, []).append((passing, [(last, offset)]))
                way.append(passing)
                last, offset = passing, 0.0
            through[edge.id] = way
            if boxes[edge.target].layer > boxes[name].layer:
                sources[edge.target].append((last, offset))
    for name, box in boxes.items():
        layers.setdefault(box.layer, []).append((slots[name], sources[name]))
    width = max((_taken(row) for row in layers.values()), default=WIDTH) + 2 * MARGIN
    for layer in sorted(layers):
        row = sorted(layers[layer], key=lambda pair: _wanted(pair[1], width / 2))
        x = (width - _taken(row)) / 2
        for slot, _reaching in row:
            slot.x = x
            x += slot.width + ACROSS
            if slot.box is not None:
                slot.box.x, slot.box.y = slot.x, MARGIN + layer * (HEIGHT + DOWN)
    return width, through


def _taken(row: Sequence[tuple[_Slot, Any]]) -> float:
    return sum(slot.width + ACROSS for slot, _ in row) - ACROSS


def _wanted(reaching: Sequence[tuple[_Slot, float]], otherwise: float) -> float:
    """Where a slot would like to stand: below its sources, a little to the side of the exit that leads to it."""
    wishes = [slot.middle + offset for slot, offset in reaching]
    return sum(wishes) / len(wishes) if wishes else otherwise


def _lines(
    graph: Graph, boxes: dict[str, Box], through: Mapping[str, Sequence[_Slot]], passed: Mapping[str, str]
) -> list[Line]:
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
            x, y = source.x + WIDTH * (place + 1) / (len(edges) + 1), source.y + HEIGHT
            path = _path(x, y, source.layer, through.get(edge.id, ()), target)
            handle = edge.sourceHandle
            tone = handle if handle in ("yes", "no", "error") else ""
            word = str(words.get(handle, handle.removeprefix("b:")))
            found.append(Line(path, tone, word, x, y + 14, passed.get(name) == handle))
    return found


def _path(x: float, y: float, layer: int, way: Sequence[_Slot], target: Box) -> str:
    """From an exit down through its slots, straight beside the blocks of each layer, to the head of the target."""
    parts = [f"M{x:.0f},{y:.0f}"]
    for number, slot in enumerate(way, start=1):
        top = MARGIN + (layer + number) * (HEIGHT + DOWN)
        parts += [_bend(x, y, slot.middle, top), f"L{slot.middle:.0f},{top + HEIGHT:.0f}"]
        x, y = slot.middle, top + HEIGHT
    return " ".join([*parts, _bend(x, y, target.middle, target.y - 5)])


def _bend(x: float, y: float, to_x: float, to_y: float) -> str:
    bend = max(20.0, abs(to_y - y) / 2)
    return f"C{x:.0f},{y + bend:.0f} {to_x:.0f},{to_y - bend:.0f} {to_x:.0f},{to_y:.0f}"
