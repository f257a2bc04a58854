"""What a block is: a registered class with typed parameters, outputs, and `execute`, which takes a batch.

`execute` gets every launch of one version that stands on one block, and answers with one outcome per launch, in order.
It may write through services in the caller's transaction; it never touches launches themselves.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from functools import cached_property
from typing import Any, ClassVar, Generic, TypeVar

import msgspec

from cdp.api.moments import zone_of
from workflows.definition.problems import Problem
from workflows.definition.structure import Definition, Node, Part, Reference


@dataclass(frozen=True, slots=True)
class Left:
    """The launch leaves by `output`. `data` is kept under the block's id for later blocks; `sent` is a message made here,
    as `Visit.sent` holds them."""

    output: str = "next"
    result: str = "ok"
    detail: dict[str, Any] | None = None
    data: dict[str, Any] | None = None
    delivery_id: int | None = None
    sent: list[Any] | None = None


@dataclass(frozen=True, slots=True)
class Waits:
    """The launch stays until `until`, or until news of `delivery_id`; `wait` is what the block remembers."""

    until: datetime
    wait: dict[str, Any]
    delivery_id: int | None = None
    sent: list[Any] | None = None


@dataclass(frozen=True, slots=True)
class Ends:
    """The launch ends: `state` completed, stopped or failed, with a reason."""

    state: str
    reason: str = ""
    result: str = "ok"
    detail: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Fails:
    """The block could not do its work; the block's `on_error` decides what follows. `result`: skipped:… or failed:…."""

    result: str
    detail: dict[str, Any] | None = None


Outcome = Left | Waits | Ends | Fails
NEXT, YES, NO = Left("next"), Left("yes"), Left("no")


@dataclass(slots=True)
class Visit:
    """One launch on one block. `number` counts the launch's blocks; `wait` is set when it comes back from a wait.

    Engines move it on; blocks only read it.
    """

    run_id: int
    uid: str
    workflow_id: int
    version_id: int
    person_id: int
    node: str
    number: int
    entered_at: datetime
    started_at: datetime
    event_key: str
    event_id: str | None
    is_test: bool
    skips_waits: bool
    wait: dict[str, Any] | None
    context_text: str
    sent_text: str
    contact_state: str | None
    zone_name: str | None
    workflow_status: str
    state: str = "running"
    wake_at: datetime | None = None
    delivery_id: int | None = None
    reason: str = ""
    has_errors: bool = False
    is_changed: bool = False
    _context: dict[str, Any] | None = None
    _sent: list[Any] | None = None

    @property
    def context(self) -> dict[str, Any]:
        """`params` of the starting event, and `steps`: data of blocks by id. Decoded when first asked for."""
        if self._context is None:
            self._context = json.loads(self.context_text)
        return self._context

    @property
    def sent(self) -> list[Any]:
        """Messages of this launch, oldest first: [block id, number, delivery id, channel, message id]."""
        if self._sent is None:
            self._sent = json.loads(self.sent_text)
        return self._sent


@dataclass
class Batch:
    """Launches of one version on one block. Look-ups are made once a batch, whoever asks."""

    workflow_id: int
    workflow_name: str
    version_id: int
    definition: Definition
    node: Node
    visits: Sequence[Visit]
    now: datetime
    account_zone: tzinfo
    account_language: str = "en"
    cache: dict[str, Any] = field(default_factory=dict)

    def zone(self, visit: Visit, *, own: bool = True) -> tzinfo:
        """The contact's zone when `own` and known, else the account's."""
        if own and visit.zone_name:
            try:
                return zone_of(visit.zone_name)
            except (KeyError, ValueError, OSError):
                return self.account_zone
        return self.account_zone

    @cached_property
    def _common(self) -> dict[str, Any]:
        return {
            "workflowId": self.workflow_id, "workflowName": self.workflow_name, "now": self.now.isoformat(),
        }  # fmt: skip

    def variables(self, visit: Visit) -> dict[str, Any]:
        """What `${…}` may name: parameters of the event over what the launch itself knows."""
        context = visit.context
        steps = context.get("steps", {})
        found = self._common | {
            "key": visit.event_key, "eventKey": visit.event_key, "workflowInstanceId": visit.uid,
            "ContactId": visit.person_id, "startedAt": visit.started_at.isoformat(),
            "eventType": context.get("eventType", ""), "steps": steps,
        }  # fmt: skip
        if visit.sent:
            found["messageId"] = visit.sent[-1][4]
        for data in steps.values():
            found.update(data)
        found.update(context.get("params", {}))
        return found


P = TypeVar("P", bound=Part)


class Block(Generic[P]):
    """A kind of block.

    Attributes:
        type: its name in definitions. group: its place in the palette. icon: a Material symbol.
        is_wait: launches rest here, so the early-stop check of Start runs when they leave.
        is_message: it makes a delivery, which status checks may ask about.
        needs_message: there must be a message block before it on every path.
    """

    type: ClassVar[str]
    group: ClassVar[str]
    label: ClassVar[Any]
    icon: ClassVar[str] = "circle"
    params: ClassVar[Any]  # the structure of its parameters, a Part
    is_wait: ClassVar[bool] = False
    is_message: ClassVar[bool] = False
    needs_message: ClassVar[bool] = False
    may_fail: ClassVar[bool] = False

    def outputs(self, params: P) -> tuple[str, ...]:  # noqa: ARG002
        """Names of its exits without `error`, which `on_error: branch` adds to blocks that may fail."""
        return ("next",)

    def check(self, params: P, path: str) -> Iterable[Problem]:  # noqa: ARG002
        """Faults of the parameters that need no database."""
        return ()

    def references(self, params: P) -> Iterable[tuple[str, Reference]]:  # noqa: ARG002
        """What it points at, each with the path inside the parameters."""
        return ()

    def execute(self, params: P, batch: Batch) -> list[Outcome]:
        raise NotImplementedError

    @cached_property
    def schema(self) -> dict[str, Any]:
        """JSON Schema of the parameters, with hints for editors under `x-editor`."""
        return msgspec.json.schema(self.params)


registry: dict[str, Block[Any]] = {}


Kind = TypeVar("Kind", bound="type[Block[Any]]")


def register(block: Kind) -> Kind:
    """Add a kind of block; usable as a decorator.

    Raises:
        ValueError: another class has its type.
    """
    known = registry.get(block.type)
    if known is not None and type(known).__qualname__ != block.__qualname__:
        raise ValueError(f"block {block.type} is registered twice")
    registry[block.type] = block()
    return block


def hint(title: Any, *, editor: str = "", **rest: Any) -> msgspec.Meta:
    """The label of a parameter, and which editor shows it."""
    extra = {"x-editor": editor} if editor else None
    return msgspec.Meta(title=str(title), extra_json_schema=extra, **rest)


def handles(block: Block[Any], params: Any, on_error: str) -> tuple[str, ...]:
    """Exits of a block as the definition has it."""
    found = block.outputs(params)
    return (*found, "error") if block.may_fail and on_error == "branch" else found
