"""Engines of this app: rows of visitors that were too many to move at once."""

from datetime import datetime

from django.db import connection, transaction
from django.db.models import Min

from cdp.engine import Engine, register
from contacts import persons
from contacts.models import PersonMove

SLICE_ROWS = 5_000


class PersonMoves(Engine):
    """Re-points what `attach_visitors` left over, `SLICE_ROWS` rows a slice; a kill loses nothing."""

    name = "person_moves"
    group = "bulk"

    def work(self, now: datetime) -> int:  # noqa: ARG002
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
            return moved or 1

    def backlog(self) -> tuple[int, datetime | None]:
        return PersonMove.objects.count(), PersonMove.objects.aggregate(oldest=Min("created_at"))["oldest"]


def register_all() -> None:
    register(PersonMoves())
