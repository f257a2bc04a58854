"""Screens of messages."""

from messaging.admin import feedback, reports

__all__ = ["feedback", "reports"]
