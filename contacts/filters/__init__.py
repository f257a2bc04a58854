"""Filters of the contact list as its address says them: read with located errors, applied to rows, told in words.

A filter is a condition, not a set of people: whoever holds it (a saved view, a job) asks it anew each time.
"""

from contacts.filters.condition import Condition, FilterError
from contacts.filters.readers import ASKED_BY_ID, COLUMNS, TOKENS
from contacts.filters.reading import KINDS, Filter, read_filter, restore_filter

__all__ = [
    "ASKED_BY_ID", "COLUMNS", "KINDS", "TOKENS", "Condition", "Filter", "FilterError", "read_filter", "restore_filter",
]  # fmt: skip
