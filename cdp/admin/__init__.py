"""Screens of the settings: the account, users and roles, schedules, the health of the engines."""

from cdp.admin import account, colleagues, health, schedules

__all__ = ["account", "colleagues", "health", "schedules"]
