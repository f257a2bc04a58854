"""The kind `event`: what a contact did, counted, summed, first, last (segments document, 4.2)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Self

from django.utils.translation import gettext as _

from segments.catalogue import Catalogue
from segments.leaves.activity import Rows, Where, read_where
from segments.leaves.base import Leaf, Query, Scope
from segments.leaves.measures import Measure
from segments.leaves.operators import Sql
from segments.leaves.windows import Window
from segments.rules.members import Members

ALL_TIME = Window()


@dataclass(frozen=True, slots=True)
class EventLeaf(Leaf):
    """Index `events_event_type` (event_type_id, event_at, id) with the person in it; among ids the primary key."""

    kind = "event"

    event: str
    where: tuple[Where, ...]
    window: Window
    measure: Measure

    @classmethod
    def read(cls, members: Members) -> Self:
        event = members.text("event", most=100)
        where = read_where(members)
        window = members.part("window", Window.read, ALL_TIME)
        if window.type == "next":
            raise members.fail("window", _("next is for dates of contacts"))
        return cls(event, where, window, Measure.read(members))

    def check(self, catalogue: Catalogue) -> None:
        catalogue.event_type(self.event)

    def reads(self, catalogue: Catalogue) -> frozenset[str]:
        own = {f"event.{catalogue.event_type(self.event).id}"}
        return frozenset(own | ({"time_zone"} if self.window.is_contact_zone else set()))

    def query(self, scope: Scope) -> Query:
        rows = self._rows(scope.catalogue)
        return self.measure.query(rows, self.window, self.where, scope, more=self._since(scope))

    def edges(self, scope: Scope, since: datetime, until: datetime) -> Sequence[Query]:
        return self.measure.edges(self._rows(scope.catalogue), self.window, scope, since, until)

    def _rows(self, catalogue: Catalogue) -> Rows:
        number = catalogue.event_type(self.event).id
        return Rows(
            source="events_event e", person="e.person_id", at="e.event_at", order="e.seq", document="e.params",
            where=f"e.event_type_id = {number}", is_indexed=partial(catalogue.is_indexed, number),
        )  # fmt: skip

    def _since(self, scope: Scope) -> Sql:
        """Only events that arrived after the type was switched on count; windows that begin later need no look."""
        since = scope.catalogue.event_type(self.event).since
        low = self.window.range(scope.now, scope.catalogue.zone).low
        if since is None or (low is not None and low >= since):
            return "true", ()
        return "e.received_at >= %s", (since,)

    def words(self, catalogue: Catalogue) -> str:
        return self.measure.words(catalogue.event_type(self.event).name, self.window, self.where)

    def seen(self, scope: Scope, person_id: int) -> str:
        rows = self._rows(scope.catalogue)
        return self.measure.seen(rows, self.window, self.where, scope, person_id, more=self._since(scope))
