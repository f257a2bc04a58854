"""Screens of dynamic segments: the list, the record with its tabs, the form with its cards."""

from segments.admin import segment

__all__ = ["segment"]
