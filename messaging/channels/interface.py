"""What every adapter offers, and the registry of adapters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Protocol


@dataclass(slots=True)
class Parcel:
    """One rendered e-mail, ready for its adapter."""

    delivery_id: int
    cause_month: date
    sender_name: str
    sender_address: str
    reply_to: str
    to_name: str
    to_address: str
    subject: str
    html: str
    text: str
    message_id: str
    return_path: str
    headers: Mapping[str, str] = field(default_factory=dict)  # the same for many parcels
    own_headers: Mapping[str, str] = field(default_factory=dict)
    prepared: Any = None  # what `Adapter.prepare` made of it


class HandoverState(StrEnum):
    ACCEPTED = "accepted"
    REJECTED = "rejected"  # for good
    RETRY = "retry"  # later; counts an attempt
    UNKNOWN = "unknown"  # may have left: the line died after the end of the data
    UNTOUCHED = "untouched"  # not tried: nothing of it left, no attempt counts
    AWAY = "away"  # the provider is away or refuses everyone: nothing left, the connection must rest


@dataclass(frozen=True, slots=True)
class Handover:
    """What became of a parcel; `text` has the provider's own words."""

    state: HandoverState
    provider_id: str = ""
    code: str = ""
    text: str = ""
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Answer of a harmless live call."""

    is_good: bool
    words: str


@dataclass(frozen=True, slots=True)
class Access:
    """A connection as adapters see it: options and the decrypted secret."""

    connection_id: int
    kind: str
    options: Mapping[str, Any]
    secret: str = field(repr=False)


class Adapter(Protocol):
    """Hands parcels to one kind of provider. Instances hold no state but their open lines, and are safe in threads."""

    kind: str

    def validate(self, options: Mapping[str, Any]) -> dict[str, str]:
        """Faults of the options by their key; unknown keys are faults."""

    def verify(self, access: Access) -> Verdict:
        """Try the access without sending anything."""

    def prepare(self, parcel: Parcel, *, now: datetime) -> None:
        """Do what can be done before the window opens: encode."""

    def send_batch(self, access: Access, parcels: Sequence[Parcel], *, seconds: float) -> list[Handover]:
        """Hand over in order, on one line; after `seconds` the rest is left untouched. One answer a parcel."""


registry: dict[str, Adapter] = {}


def register(adapter: Adapter) -> None:
    registry[adapter.kind] = adapter
