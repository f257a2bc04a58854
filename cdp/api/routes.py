"""Addresses of the public API: every route with and without a trailing slash, answered directly (API document, 2.1)."""

import re
from collections.abc import Sequence
from typing import Any

from django.urls import URLPattern, re_path

KINDS = {"id": r"(?P<id>[0-9]{1,19})"}


def routes(path: str, view: Any, *, versions: Sequence[int] = (1,)) -> list[URLPattern]:
    """URL patterns of one route, one a version. In `path`, `{id}` is digits and any other `{name}` one segment."""
    pattern = re.sub(r"\{(\w+)\}", lambda found: KINDS.get(found[1], rf"(?P<{found[1]}>[^/]+)"), path)
    return [re_path(rf"^api/v{version}/{pattern}/?$", view) for version in versions]
