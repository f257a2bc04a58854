"""The definition document `workflow/1` as frozen structures. Unknown keys are refused (`reading`)."""

from typing import Annotated, Any, Literal

import msgspec

Unit = Literal["minute", "hour", "day", "week", "month"]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
START = "start"


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """Base of every piece of a definition."""


class Wait(Part, frozen=True, kw_only=True):
    """A length of time."""

    n: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
    unit: Unit


class Reference(Part, frozen=True, kw_only=True):
    """Something kept elsewhere, by kind and id; event types are named by their key."""

    ref: Literal["message", "segment", "list", "field", "event_type"]
    id: int | str


class StartEvent(Part, frozen=True, kw_only=True):
    """Which events start the workflow. `filters` is a condition tree over `event.…`."""

    type: str
    filters: dict[str, Any] | None = None


class Unique(Part, frozen=True, kw_only=True):
    """Process unique events: each time, once, or once in every `n` `unit`, by event key or by contact."""

    mode: Literal["each_time", "once", "once_in"] = "each_time"
    n: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 1
    unit: Literal["hour", "day", "week", "month"] = "hour"
    by: Literal["key", "contact"] = "key"


class Start(Part, frozen=True, kw_only=True):
    """What starts a launch. `kind` `none`: only by hand."""

    enabled: bool = True
    kind: Literal["none", "event"] = "none"
    event: StartEvent | None = None
    unique: Unique = Unique()
    skip_if_in_progress: bool = False
    max_event_age: str = "PT24H"
    contact_filters: dict[str, Any] | None = None


class ExitRule(Part, frozen=True, kw_only=True):
    """Ends open launches at once: an event of `types`, or membership of a segment or list."""

    id: str
    on: Literal["event", "segment"]
    types: tuple[str, ...] = ()
    match: Literal["contact_else_key", "contact", "key"] = "contact_else_key"
    period: str | None = None
    filters: dict[str, Any] | None = None
    segment: Reference | None = None


class Stop(Part, frozen=True, kw_only=True):
    at: str | None = None
    after_launches: Annotated[int, msgspec.Meta(ge=1)] | None = None
    exit_rules: tuple[ExitRule, ...] = ()


class Overdue(Part, frozen=True, kw_only=True):
    mode: Literal["run", "skip"] = "run"
    max_lateness: str = "P1D"


class Settings(Part, frozen=True, kw_only=True):
    """Options of the whole workflow.

    `allowed_hours` maps weekdays to ranges `["10:00", "18:00"]`; message blocks with `allowed_hours` keep to them.
    `goals`, `holdout_percent` and `exclusive_group` are read for documents of other systems; the validator refuses any
    but empty ones, as nothing acts on them.
    """

    timezone_mode: Literal["contact", "account"] = "contact"
    priority: Annotated[int, msgspec.Meta(ge=1, le=5)] = 3
    holdout_percent: Annotated[int, msgspec.Meta(ge=0, le=50)] = 0
    exclusive_group: str | None = None
    goals: tuple[dict[str, Any], ...] = ()
    overdue_policy: Overdue = Overdue()
    allowed_hours: dict[Weekday, tuple[tuple[str, str], ...]] = {}
    max_hold_hours: Annotated[int, msgspec.Meta(ge=1, le=24 * 30)] = 72


class Position(Part, frozen=True, kw_only=True):
    x: float = 0
    y: float = 0


class NodeData(Part, frozen=True, kw_only=True):
    """`params` are read by the block's own structure. `on_error`: what follows a failure (product document, 13.5)."""

    caption: str = ""
    note: str = ""
    params: dict[str, Any] = {}
    on_error: Literal["continue", "branch", "fail"] = "continue"
    disabled: bool = False


class Node(Part, frozen=True, kw_only=True):
    id: str
    type: str
    position: Position = Position()
    data: NodeData = NodeData()


class Edge(Part, frozen=True, kw_only=True):
    id: str
    source: str
    target: str
    sourceHandle: str = "next"
    targetHandle: str = "in"


class Definition(Part, frozen=True, kw_only=True):
    """A whole workflow. `ui` is the editor's and never acts."""

    schema: Literal["workflow/1"] = "workflow/1"
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    tags: tuple[Annotated[str, msgspec.Meta(max_length=50)], ...] = ()
    description: Annotated[str, msgspec.Meta(max_length=2000)] = ""
    start: Start = Start()
    stop: Stop = Stop()
    settings: Settings = Settings()
    nodes: tuple[Node, ...] = ()
    edges: tuple[Edge, ...] = ()
    ui: dict[str, Any] = {}
