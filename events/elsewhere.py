"""Event types whose events another app keeps: the registry shows them, the history says where they are.

Apps register theirs in `AppConfig.ready()`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """`text` says where the events are; `link` is the name of the address, `permission` what opens it."""

    text: Any
    link: str
    permission: str

    @property
    def doors(self) -> tuple[tuple[Any, str, str], ...]:
        return ((_("Open"), self.link, self.permission),)


registry: dict[str, Elsewhere] = {}


def register(keys: Iterable[str], place: Elsewhere) -> None:
    registry.update(dict.fromkeys(keys, place))


def find(key: str) -> Elsewhere | None:
    return registry.get(key)
