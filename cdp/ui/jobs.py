"""The tray of jobs in the head of every page: apps register where theirs are, in `AppConfig.ready()`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

SHOWN = 8
SOON, LATER = 2_000, 30_000  # milliseconds between looks, while something runs and while nothing does


@dataclass(frozen=True, slots=True)
class TrayJob:
    """One job as the tray shows it. `state` is a word of the registry "job"; `cancel` is empty when it may not be."""

    title: str
    state: str
    done: int
    total: int
    at: datetime
    link: str
    cancel: str = ""
    result: str = ""

    @property
    def is_running(self) -> bool:
        return self.state in ("queued", "running")


@dataclass(frozen=True, slots=True)
class TraySource:
    """`read` gives a colleague's jobs that run, and those that ended lately; few of them, by an index."""

    name: str
    permission: str
    read: Callable[[Any], Sequence[TrayJob]]


registry: dict[str, TraySource] = {}


def register_jobs(source: TraySource) -> None:
    registry[source.name] = source


def has_tray(user: Any) -> bool:
    return any(user.has_perm(source.permission) for source in registry.values())


def jobs_of(user: Any) -> list[TrayJob]:
    """Running ones first, then the latest."""
    found = [
        job for source in registry.values() if user.has_perm(source.permission) for job in source.read(user)
    ]
    return sorted(found, key=lambda job: (not job.is_running, -job.at.timestamp()))[:SHOWN]


def tray(request: HttpRequest) -> HttpResponse:
    """The inside of the tray; the reply says when to look again.

    Raises:
        PermissionDenied: no source of jobs is for this colleague.
    """
    if not has_tray(request.user):
        raise PermissionDenied
    jobs = jobs_of(request.user)
    running = sum(job.is_running for job in jobs)
    reply = render(request, "ui/tray.html", {"jobs": jobs, "running": running})
    reply["X-Look-Again"] = str(SOON if running else LATER)
    reply["X-Count"] = str(running)
    reply["Cache-Control"] = "no-store"
    return reply
