"""The condition kind `message`: what happened to messages a contact was sent (segments document, 4.2 and 6).

A message counts as delivered when the provider accepted it and it did not bounce; the time is that of the acceptance.
`unopened` and `unclicked` are messages delivered in the window with no human open or click up to now: somebody who was
never sent one does not match. Hits of machines count only with `machine: true`; tests never do.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from cdp.hooks import MessageActivity
from messaging.message_filter import MessageFilter
from segments.catalogue import Catalogue
from segments.leaves import operators, wording
from segments.leaves.activity import Rows
from segments.leaves.base import Leaf, Query, Scope
from segments.leaves.measures import Measure
from segments.leaves.operators import Sql
from segments.leaves.windows import Window
from segments.rules.errors import BrokenReference
from segments.rules.members import Members
from segments.services.queue import mark_dirty

RECORDED = ("sent", "error", "opened", "clicked", "unsubscribed", "unavailable", "spam")
DELIVERED = ("delivered", "unopened", "unclicked")
RATED = ("delivered", "opened", "clicked")
FUNCTIONS = ("count", "messages", "distinct_days", "first_at", "last_at")
RATE_READS = {
    "delivered": ("sent", "error"), "opened": ("sent", "error", "opened", "clicked"),
    "clicked": ("sent", "error", "opened", "clicked"),
}  # fmt: skip
RATES = {
    "delivered": "d.failed_at IS NULL", "opened": "d.opened_at IS NOT NULL", "clicked": "d.clicked_at IS NOT NULL",
}  # fmt: skip
READS = {
    "delivered": ("sent", "error"),
    "unopened": ("sent", "error", "opened", "clicked"),
    "unclicked": ("sent", "error", "clicked"),
}
BASES = {
    "sent": gettext_noop("messages sent"), "delivered": gettext_noop("messages delivered"),
    "opened": gettext_noop("messages opened"),
}  # fmt: skip
WORDS = {
    "sent": gettext_noop("message sent"), "delivered": gettext_noop("message delivered"),
    "error": gettext_noop("message not delivered"), "opened": gettext_noop("message opened"),
    "clicked": gettext_noop("link clicked"), "unsubscribed": gettext_noop("unsubscribed by a message"),
    "unavailable": gettext_noop("message not sent"), "spam": gettext_noop("complained about a message"),
    "unopened": gettext_noop("message delivered and not opened"),
    "unclicked": gettext_noop("message delivered and not clicked"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class MessageLeaf(Leaf):
    """Index `messaging_activity_kind` (kind, at, person_id); among ids `messaging_activity_person`."""

    kind = "message"

    activity: str
    filter: MessageFilter
    window: Window
    measure: Measure
    base: str = ""  # of a rate: what it is a percentage of

    @classmethod
    def read(cls, members: Members) -> Self:
        activity = members.choice("activity", (*RECORDED, *DELIVERED))
        found = members.part("filter", MessageFilter.read, MessageFilter())
        if found.url is not None and activity != "clicked":
            raise members.fail("filter", _("url is for clicked"))
        if found.read_delay is not None and activity != "opened":
            raise members.fail("filter", _("read_delay is for opened"))
        window = members.part("window", Window.read, Window())
        if window.type == "next":
            raise members.fail("window", _("next is for dates of contacts"))
        if isinstance(given := members.data.get("measure"), dict) and given.get("fn") == "rate":
            base, measure = _read_rate(members, activity, found)
            return cls(activity, found, window, measure, base)
        measure = Measure.read(members, functions=FUNCTIONS)
        if measure.fn == "messages":
            measure = replace(measure, fn="distinct", param="message")
        return cls(activity, found, window, measure)

    def check(self, catalogue: Catalogue) -> None:
        self.filter.check(catalogue)

    def reads(self, catalogue: Catalogue) -> frozenset[str]:  # noqa: ARG002
        kinds = RATE_READS[self.activity] if self.base else READS.get(self.activity, (self.activity,))
        own = {f"message.{kind}" for kind in kinds}
        return frozenset(own | ({"time_zone"} if self.window.is_contact_zone else set()))

    def query(self, scope: Scope) -> Query:
        return self.measure.query(self._rows(scope.catalogue), self.window, (), scope)

    def edges(self, scope: Scope, since: datetime, until: datetime) -> Sequence[Query]:
        return self.measure.edges(self._rows(scope.catalogue), self.window, scope, since, until)

    def words(self, catalogue: Catalogue) -> str:  # noqa: ARG002
        which = self.filter.words()
        thing = f"{_(WORDS[self.activity])} ({which})" if which else _(WORDS[self.activity])
        if not self.base:
            return self.measure.words(thing, self.window, ())
        when = f" {self.window.words()}" if self.window.words() else ""
        bound = f"{wording.operator(self.measure.cmp)} {wording.values(self.measure.value)}".strip()
        return f"{_('percentage of')} {_(BASES[self.base])}{when} {_('with')} {thing} {bound}"

    def seen(self, scope: Scope, person_id: int) -> str:
        return self.measure.seen(self._rows(scope.catalogue), self.window, (), scope, person_id)

    def _rows(self, catalogue: Catalogue) -> Rows:
        conditions = [*self._own_conditions(), *self.filter.conditions(catalogue)]
        texts = [text for text, _params in conditions]
        figures: tuple[tuple[str, str], ...] = ()
        if self.base:
            figures = (
                ("rate", f"100.0 * count(*) FILTER (WHERE {RATES[self.activity]}) / nullif(count(*), 0)"),
            )
        source = "messaging_activity a"
        if self.base or any("d." in text for text in texts):
            source += " JOIN messaging_delivery d ON d.id = a.delivery_id AND d.cause_month = a.cause_month"
        if any("m." in text for text in texts):
            source += " JOIN messaging_message m ON m.id = a.message_id"
        return Rows(
            source=source, person="a.person_id", at="a.at", order="a.id",
            document="jsonb_build_object('message', a.delivery_id)", where=" AND ".join(texts),
            params=tuple(value for _text, params in conditions for value in params), figures=figures,
        )  # fmt: skip

    def _own_conditions(self) -> list[Sql]:
        found: list[Sql] = [("NOT a.is_test", ())]
        if self.base:
            found.append(("a.kind = 'sent'", ()))
            if self.base != "sent":
                found.append(("d.failed_at IS NULL", ()))
            if self.base == "opened":
                found.append(("d.opened_at IS NOT NULL", ()))
            return found
        if self.activity in RECORDED:
            found.append((f"a.kind = '{self.activity}'", ()))
            if not self.filter.includes_machines:
                found.append(("a.machine = ''", ()))
            return found
        found += [("a.kind = 'sent'", ()), ("d.failed_at IS NULL", ())]
        if self.activity == "unopened":
            found += [("d.opened_at IS NULL", ()), ("m.tracks_opens", ())]
        elif self.activity == "unclicked":
            found += [("d.clicked_at IS NULL", ()), ("m.tracks_clicks", ())]
        return found


def on_message_activity(batch: MessageActivity) -> None:
    """Note for segments what happened to whose messages; a contact of 0 is a test to nobody."""
    changes = {
        (f"message.{kind}", contact_id)
        for kind, contact_id in zip(batch.kinds, batch.contact_ids, strict=True)
        if contact_id
    }
    mark_dirty(sorted(changes), now=batch.now, reason="message")


def _read_rate(members: Members, activity: str, filter_: MessageFilter) -> tuple[str, Measure]:
    """`{"fn": "rate"}` and its comparison; clicks may be of the opened: `"base": "opened"`."""

    def read(part: Members) -> str:
        part.choice("fn", ("rate",))
        return part.choice(
            "base", ("delivered", "opened") if activity == "clicked" else ("delivered",), "delivered"
        )

    base = members.part("measure", read)
    if activity not in RATED:
        raise members.fail("measure", _("rate is of %(known)s") % {"known": ", ".join(RATED)})
    if filter_.url or filter_.read_delay or filter_.reasons or filter_.includes_machines:
        text = _("url, read_delay, reason and machine say nothing of messages without the activity")
        raise members.fail("filter", text)
    cmp = members.choice("cmp", operators.with_negatives(operators.NUMBER), code="unknown_operator")
    measure = Measure("rate", cmp=cmp, value=None)
    if cmp not in ("is_empty", "not_empty"):
        measure = replace(measure, value=members.keep("value", members.take("value")))
        try:
            measure.check()
        except BrokenReference as error:
            raise members.fail("value", error.message) from error
    return ("sent" if activity == "delivered" else base), measure
