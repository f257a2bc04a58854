"""A published version made ready to run: parameters read, edges looked up, conditions parsed. Versions never change, so
each is made once a process."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from workflows.blocks.base import Block, registry
from workflows.definition import conditions, reading
from workflows.definition.structure import START, Definition, ExitRule, Node
from workflows.models import WorkflowVersion


@dataclass(frozen=True, slots=True)
class CompiledNode:
    node: Node
    block: Block[Any]
    params: Any


@dataclass(frozen=True, slots=True)
class CompiledRule:
    rule: ExitRule
    tree: conditions.Tree | None


@dataclass(frozen=True, slots=True)
class Compiled:
    """A version as the engines use it."""

    version_id: int
    workflow_id: int
    definition: Definition
    nodes: dict[str, CompiledNode]
    targets: dict[tuple[str, str], str]
    start: CompiledNode
    event_filter: conditions.Tree | None
    contact_filter: conditions.Tree | None
    exit_rules: tuple[CompiledRule, ...]


def compile_definition(definition: Definition, *, version_id: int, workflow_id: int) -> Compiled:
    """Raises:
    DefinitionRefused: a part cannot be read.
    KeyError: a block is of no registered kind.
    """
    nodes = {}
    for place, node in enumerate(definition.nodes):
        block = registry[node.type]
        params: Any = reading.read_part(
            node.data.params, block.params, f"nodes[{place}].data.params", node=node.id
        )
        nodes[node.id] = CompiledNode(node, block, params)
    event = definition.start.event
    return Compiled(
        version_id, workflow_id, definition, nodes,
        {(edge.source, edge.sourceHandle): edge.target for edge in definition.edges},
        next(found for found in nodes.values() if found.node.type == START),
        _tree(event.filters if event else None, "start.event.filters"),
        _tree(definition.start.contact_filters, "start.contact_filters"),
        tuple(
            CompiledRule(rule, _tree(rule.filters, f"stop.exit_rules[{place}].filters"))
            for place, rule in enumerate(definition.stop.exit_rules)
        ),
    )  # fmt: skip


def _tree(value: dict[str, Any] | None, path: str) -> conditions.Tree | None:
    return None if value is None else conditions.read_tree(value, path)


@lru_cache(maxsize=512)
def compiled_version(version_id: int) -> Compiled:
    """The version of this id.

    Raises:
        WorkflowVersion.DoesNotExist: there is none.
    """
    row = WorkflowVersion.objects.get(pk=version_id)
    return compile_definition(reading.read(row.definition), version_id=row.pk, workflow_id=row.workflow_id)
