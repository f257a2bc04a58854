"""Tabs and actions of the contact card that higher apps add in `AppConfig.ready()`; each is a page with its own right."""

from dataclasses import dataclass
from typing import Any

from django.urls import reverse


@dataclass(frozen=True, slots=True)
class Tab:
    """`url` is a name to reverse with the contact's id."""

    name: str
    label: Any
    url: str
    permission: str
    order: int = 0


registry: dict[str, Tab] = {}


def register_tab(tab: Tab) -> None:
    registry[tab.name] = tab


def tabs_for(user: Any, contact_id: int) -> list[tuple[str, Any, str]]:
    """(name, label, address) of the tabs this user may open, in order."""
    return [
        (tab.name, tab.label, reverse(tab.url, args=[contact_id]))
        for tab in sorted(registry.values(), key=lambda one: one.order)
        if user.has_perm(tab.permission)
    ]


@dataclass(frozen=True, slots=True)
class Action:
    """A button of the card that leads to a page of another app, which asks and does it. `url` takes the contact's id."""

    name: str
    label: Any
    url: str
    permission: str
    order: int = 0


actions: dict[str, Action] = {}


def register_action(action: Action) -> None:
    actions[action.name] = action


def actions_for(user: Any, contact_id: int) -> list[tuple[Any, str]]:
    """(label, address) of the actions this user may take, in order."""
    return [
        (action.label, reverse(action.url, args=[contact_id]))
        for action in sorted(actions.values(), key=lambda one: one.order)
        if user.has_perm(action.permission)
    ]
