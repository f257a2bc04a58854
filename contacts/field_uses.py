"""Where additional fields are used: segments, messages, workflows and forms register a source in `AppConfig.ready()`.

A field in use is not deleted, and a page that would change it names the users first.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Use:
    """One user of a field: `kind` in words ("Segment"), its name, and the address of its page."""

    kind: Any
    name: str
    url: str = ""


# Takes field ids, answers the uses of each; one query for all of them.
Source = Callable[[Sequence[int]], dict[int, list[Use]]]

registry: dict[str, Source] = {}


def register(name: str, source: Source) -> None:
    registry[name] = source


def uses_of(field_ids: Sequence[int]) -> dict[int, list[Use]]:
    """Everything that uses these fields."""
    found: dict[int, list[Use]] = defaultdict(list)
    for source in registry.values():
        for field_id, uses in source(field_ids).items():
            found[field_id].extend(uses)
    return found
