"""The shape of a workflow: unique ids, existing ends, one way in, no cycles; and questions about paths."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

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
        Problem("E03", "no way leads here from Start", graph.path(node), node)
        for node in graph.nodes.keys() - graph.reachable(start.id)
    )
    problems.extend(_cycles(graph, set(waits)))
    if not any(node.type not in (START, "end") for node in graph.nodes.values()):
        problems.append(Problem("E20", "needs a block besides Start and End", "nodes"))
    return problems


def _ids(definition: Definition) -> Iterator[Problem]:
    named: tuple[tuple[str, Sequence[Any]], ...] = (("nodes", definition.nodes), ("edges", definition.edges))
    for name, elements in named:
        seen: set[str] = set()
        for place, element in enumerate(elements):
            if element.id in seen or not element.id:
                words = f"the id '{element.id}' is used twice" if element.id else "needs an id"
                yield Problem("E02", words, f"{name}[{place}].id", element.id if name == "nodes" else "")
            seen.add(element.id)


def _start(graph: Graph) -> Iterator[Problem]:
    starts = [node for node in graph.definition.nodes if node.type == START]
    if len(starts) != 1:
        yield Problem("E01", f"needs exactly one Start, has {len(starts)}", "nodes")
        return
    start = starts[0].id
    for edge in graph.reaching.get(start, ()):
        yield Problem(
            "E01", "nothing leads into Start", f"edges[{graph.definition.edges.index(edge)}]", start, edge.id
        )
    if len(graph.leaving[start]) != 1:
        yield Problem("E01", "exactly one connection leaves Start", graph.path(start), start)


def _edges(graph: Graph, handles: Mapping[str, Sequence[str]]) -> Iterator[Problem]:
    used: set[tuple[str, str]] = set()
    for place, edge in enumerate(graph.definition.edges):
        path = f"edges[{place}]"
        for end, name in (("source", edge.source), ("target", edge.target)):
            if name not in graph.nodes:
                yield Problem("E02", f"leads {'from' if end == 'source' else 'to'} '{name}', which is no block",
                              f"{path}.{end}", edge=edge.id)  # fmt: skip
        source = graph.nodes.get(edge.source)
        if source is None:
            continue
        if source.type == "end":
            yield Problem("E19", "nothing leads on from End", path, source.id, edge.id)
        elif edge.source in handles and edge.sourceHandle not in handles[edge.source]:
            known = ", ".join(handles[edge.source]) or "none"
            yield Problem("E02", f"the block has no exit '{edge.sourceHandle}'; it has {known}",
                          f"{path}.sourceHandle", source.id, edge.id)  # fmt: skip
        if (edge.source, edge.sourceHandle) in used:
            yield Problem("E02", f"two connections leave by '{edge.sourceHandle}'", path, source.id, edge.id)
        used.add((edge.source, edge.sourceHandle))
    for node, exits in handles.items():
        if len(exits) > MOST_OUTPUTS:
            yield Problem("E15", f"a block has at most {MOST_OUTPUTS} exits", graph.path(node), node)


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
                    "leads back to a block before it"
                    if waits & set(circle)
                    else "leads in a circle without a wait"
                )
                names = " → ".join([*circle, edge.target])
                place = graph.definition.edges.index(edge)
                yield Problem("E04", f"{words}: {names}", f"edges[{place}]", edge.source, edge.id)
            elif edge.target not in done:
                way.append(edge.target)
                pending.append(iter(graph.leaving[edge.target]))


def unconnected(graph: Graph, handles: Mapping[str, Sequence[str]]) -> Iterator[Problem]:
    """Warnings W01 and W02: branches that stop without End, exits that lead nowhere."""
    for node, exits in handles.items():
        taken = {edge.sourceHandle for edge in graph.leaving[node]}
        open_ends = [name for name in exits if name not in taken]
        if exits and len(open_ends) == len(exits):
            yield Problem("W01", "the branch stops here without End", graph.path(node), node)
        else:
            for name in open_ends:
                yield Problem("W02", f"'{name}' leads nowhere; launches end there", graph.path(node), node)
