"""Screens of the activity: event types, the history, the live view, events that went wrong."""

from events.admin import history, trouble, types

__all__ = ["history", "trouble", "types"]
