"""The shape of a workflow: unique ids, existing ends, one way in, no cycles; and questions about paths."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from workflows.definition.problems import Problem
from workflows.definition.structure import START, Definition, Edge, Node

MOST_OUTPUTS = 20


@dataclass(slots=True)
class Graph:
    """Nodes by id with the edges that leave and reach them; only edges whose ends exist."""

    definition: Definition
    nodes: dict[str, Node] = field(default_factory=dict)
    places: dict[str, int] = field(default_factory=dict)
    leaving: dict[str, list[Edge]] = field(default_factory=dict)
    reaching: dict[str, list[Edge]] = field(default_factory=dict)

    @classmethod
    def of(cls, definition: Definition) -> "Graph":
        graph = cls(definition)
        for place, node in enumerate(definition.nodes):
            graph.nodes.setdefault(node.id, node)
            graph.places.setdefault(node.id, place)
            graph.leaving[node.id], graph.reaching[node.id] = [], []
        for edge in definition.edges:
            if edge.source in graph.nodes and edge.target in graph.nodes:
                graph.leaving[edge.source].append(edge)
                graph.reaching[edge.target].append(edge)
        return graph

    @property
    def start(self) -> Node | None:
        return next((node for node in self.nodes.values() if node.type == START), None)

    def path(self, node: str) -> str:
        return f"nodes[{self.places[node]}]"

    def reachable(self, start: str) -> set[str]:
        """Ids of the blocks that a launch can come to."""
        seen, waiting = {start}, [start]
        while waiting:
            for edge in self.leaving[waiting.pop()]:
                if edge.target not in seen:
                    seen.add(edge.target)
                    waiting.append(edge.target)
        return seen

    def on_every_path(self, node: str, fits: Callable[[Node], bool]) -> bool:
        """Whether each way from Start to `node` passes a block that fits, before it. Needs a graph without cycles."""
        start = self.start
        known: dict[str, bool] = {}

        def guarded(one: str) -> bool:
            """Whether every way to `one` has passed a fitting block."""
            if one not in known:
                known[one] = one != (start.id if start else "") and bool(self.reaching[one]) and all(
                    fits(self.nodes[edge.source]) or guarded(edge.source) for edge in self.reaching[one]
                )  # fmt: skip
            return known[one]

        return guarded(node)

    def upstream(self, node: str) -> Iterator[tuple[Node, list[str]]]:
        """Each block before `node` with one way to it, nearest first: ids between, from `node` backwards."""
        waiting: list[tuple[str, list[str]]] = [(node, [])]
        seen = {node}
        while waiting:
            one, way = waiting.pop(0)
            for edge in self.reaching[one]:
                if edge.source not in seen:
                    seen.add(edge.source)
                    yield self.nodes[edge.source], way
                    waiting.append((edge.source, [*way, edge.source]))


def check_shape(graph: Graph, handles: Mapping[str, Sequence[str]], waits: Iterable[str]) -> list[Problem]:
    """Faults E01 to E04, E15, E19, E20 of the shape.

    Args:
        handles: exits by block id, for blocks whose parameters can be read.
        waits: ids of blocks on which launches rest.
    """
    problems = [*_ids(graph.definition), *_start(graph), *_edges(graph, handles)]
    start = graph.start
    if start is None:
        return problems
    problems.extend(
        Problem("E03", _("no way leads here from Start"), graph.path(node), node)
        for node in graph.nodes.keys() - graph.reachable(start.id)
    )
    problems.extend(_cycles(graph, set(waits)))
    if not any(node.type not in (START, "end") for node in graph.nodes.values()):
        problems.append(Problem("E20", _("needs a block besides Start and End"), "nodes"))
    return problems


def _ids(definition: Definition) -> Iterator[Problem]:
    named: tuple[tuple[str, Sequence[Any]], ...] = (("nodes", definition.nodes), ("edges", definition.edges))
    for name, elements in named:
        seen: set[str] = set()
        for place, element in enumerate(elements):
            if element.id in seen or not element.id:
                words = (
                    _("the id '%(id)s' is used twice") % {"id": element.id}
                    if element.id
                    else _("needs an id")
                )
                yield Problem("E02", words, f"{name}[{place}].id", element.id if name == "nodes" else "")
            seen.add(element.id)


def _start(graph: Graph) -> Iterator[Problem]:
    starts = [node for node in graph.definition.nodes if node.type == START]
    if len(starts) != 1:
        text = _("needs exactly one Start, has %(count)s") % {"count": len(starts)}
        yield Problem("E01", text, "nodes")
        return
    start = starts[0].id
    for edge in graph.reaching.get(start, ()):
        path = f"edges[{graph.definition.edges.index(edge)}]"
        yield Problem("E01", _("nothing leads into Start"), path, start, edge.id)
    if len(graph.leaving[start]) != 1:
        yield Problem("E01", _("exactly one connection leaves Start"), graph.path(start), start)


def _edges(graph: Graph, handles: Mapping[str, Sequence[str]]) -> Iterator[Problem]:
    used: set[tuple[str, str]] = set()
    for place, edge in enumerate(graph.definition.edges):
        path = f"edges[{place}]"
        if edge.source not in graph.nodes:
            text = _("leads from '%(name)s', which is no block") % {"name": edge.source}
            yield Problem("E02", text, f"{path}.source", edge=edge.id)
        if edge.target not in graph.nodes:
            text = _("leads to '%(name)s', which is no block") % {"name": edge.target}
            yield Problem("E02", text, f"{path}.target", edge=edge.id)
        source = graph.nodes.get(edge.source)
        if source is None:
            continue
        if source.type == "end":
            yield Problem("E19", _("nothing leads on from End"), path, source.id, edge.id)
        elif edge.source in handles and edge.sourceHandle not in handles[edge.source]:
            text = _no_exit(edge.sourceHandle, handles[edge.source])
            yield Problem("E02", text, f"{path}.sourceHandle", source.id, edge.id)
        if (edge.source, edge.sourceHandle) in used:
            text = _("two connections leave by '%(name)s'") % {"name": edge.sourceHandle}
            yield Problem("E02", text, path, source.id, edge.id)
        used.add((edge.source, edge.sourceHandle))
    for node, exits in handles.items():
        if len(exits) > MOST_OUTPUTS:
            text = _("a block has at most %(most)s exits") % {"most": MOST_OUTPUTS}
            yield Problem("E15", text, graph.path(node), node)


def _no_exit(name: str, exits: Sequence[str]) -> str:
    if not exits:
        return _("the block has no exit '%(name)s'; it has none") % {"name": name}
    known = ", ".join(exits)
    return _("the block has no exit '%(name)s'; it has %(known)s") % {"name": name, "known": known}


def _cycles(graph: Graph, waits: set[str]) -> Iterator[Problem]:
    """One problem for each connection that closes a circle (depth first, without recursion)."""
    done: set[str] = set()
    for root in graph.nodes:
        if root in done:
            continue
        way: list[str] = [root]
        pending = [iter(graph.leaving[root])]
        while way:
            edge = next(pending[-1], None)
            if edge is None:
                done.add(way.pop())
                pending.pop()
            elif edge.target in way:
                circle = way[way.index(edge.target) :]
                words = (
                    _("leads back to a block before it: %(way)s")
                    if waits & set(circle)
                    else _("leads in a circle without a wait: %(way)s")
                )
                text = words % {"way": " → ".join([*circle, edge.target])}
                place = graph.definition.edges.index(edge)
                yield Problem("E04", text, f"edges[{place}]", edge.source, edge.id)
            elif edge.target not in done:
                way.append(edge.target)
                pending.append(iter(graph.leaving[edge.target]))


def unconnected(graph: Graph, handles: Mapping[str, Sequence[str]]) -> Iterator[Problem]:
    """Warnings W01 and W02: branches that stop without End, exits that lead nowhere."""
    for node, exits in handles.items():
        taken = {edge.sourceHandle for edge in graph.leaving[node]}
        open_ends = [name for name in exits if name not in taken]
        if exits and len(open_ends) == len(exits):
            yield Problem("W01", _("the branch stops here without End"), graph.path(node), node)
        else:
            for name in open_ends:
                text = _("'%(name)s' leads nowhere; launches end there") % {"name": name}
                yield Problem("W02", text, graph.path(node), node)
