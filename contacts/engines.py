"""Engines of this app: bulk requests, and rows of visitors that were too many to move at once."""

from datetime import datetime
from typing import Any

import structlog
from django.db import DatabaseError, DataError, connection, transaction
from django.db.models import Count, Min

from cdp.engine import Engine, register
from cdp.hooks import HookError, PersonsMoved, persons_moved
from contacts import persons
from contacts.models import ImportSession, ImportState, PersonMove
from contacts.services.bulk import fail_session, work_session

log = structlog.get_logger(__name__)

SLICE_ROWS = 5_000


class PersonMoves(Engine):
    """Re-points what `attach_visitors` left over, `SLICE_ROWS` rows a slice; a kill loses nothing."""

    name = "person_moves"
    group = "bulk"

    def work(self, now: datetime) -> int:
        with transaction.atomic():
            move = PersonMove.objects.select_for_update(skip_locked=True).order_by("pk").first()
            if move is None:
                return 0
            moved = 0
            with connection.cursor() as cursor:
                for table in persons.registry.values():
                    if moved < SLICE_ROWS:
                        moved += persons.move_rows(
                            cursor,
                            table,
                            source=move.source_id,
                            target=move.target_id,
                            limit=SLICE_ROWS - moved,
                        )
            if moved < SLICE_ROWS:
                move.delete()
                persons_moved.send(PersonsMoved([move.source_id], [move.target_id], now=now))
            return moved or 1

    def backlog(self) -> tuple[int, datetime | None]:
        return PersonMove.objects.count(), PersonMove.objects.aggregate(oldest=Min("created_at"))["oldest"]


class ContactImports(Engine):
    """Works off bulk requests, oldest first, a chunk a slice; any number of processes share them."""

    name = "contact_imports"
    group = "bulk"

    def work(self, now: datetime) -> int:
        waiting = ImportSession.objects.filter(state__in=[ImportState.STARTED, ImportState.IMPORTING])
        session_id: Any = None
        try:
            with transaction.atomic():
                session = waiting.select_for_update(skip_locked=True).order_by("created_at").first()
                if session is None:
                    return 0
                session_id = session.pk
                return work_session(session, now=now)
        except (DatabaseError, HookError) as error:
            if not isinstance(error, DataError):
                raise  # the database is away or another app is at fault: the session waits
            reason = "a value of the request cannot be stored"
        except (TypeError, ValueError, KeyError) as error:
            reason = f"the request cannot be read any more: {type(error).__name__}"
            log.exception("import_failed", session=str(session_id))
        fail_session(session_id, reason=reason, now=now)
        return 1

    def backlog(self) -> tuple[int, datetime | None]:
        waiting = ImportSession.objects.filter(state__in=[ImportState.STARTED, ImportState.IMPORTING])
        found = waiting.aggregate(count=Count("pk"), oldest=Min("created_at"))
        return found["count"], found["oldest"]


def register_all() -> None:
    register(PersonMoves())
    register(ContactImports())
