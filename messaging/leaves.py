"""The condition kind `message`: what happened to messages a contact was sent (segments document, 4.2 and 6).

A message counts as delivered when the provider accepted it and it did not bounce; the time is that of the acceptance.
`unopened` and `unclicked` are messages delivered in the window with no human open or click up to now: somebody who was
never sent one does not match. Hits of machines count only with `machine: true`; tests never do.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Self

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from cdp.hooks import MessageActivity
from messaging.models import Channel, Message
from segments.catalogue import Catalogue
from segments.leaves import operators, wording
from segments.leaves.activity import Rows
from segments.leaves.base import Leaf, Query, Scope
from segments.leaves.measures import Measure
from segments.leaves.operators import Sql, TextValue
from segments.leaves.windows import Window
from segments.rules.errors import BrokenReference
from segments.rules.members import Members
from segments.services.queue import mark_dirty

RECORDED = ("sent", "error", "opened", "clicked", "unsubscribed", "unavailable", "spam")
DELIVERED = ("delivered", "unopened", "unclicked")
RATED = ("delivered", "opened", "clicked")
FUNCTIONS = ("count", "messages", "distinct_days", "first_at", "last_at")
CAUSES = ("campaign", "workflow", "api")
URL_OPERATORS = operators.with_negatives(operators.TEXT)
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


# Which workflows of these ids there are; the app of workflows says.
known_workflows: list[Callable[[Collection[int]], set[int]]] = []


@dataclass(frozen=True, slots=True)
class MessageFilter:
    """Which messages; list-valued members mean any of, different members are joined by and."""

    channels: tuple[str, ...] = ()
    messages: tuple[int, ...] = ()
    campaigns: tuple[int, ...] = ()
    workflows: tuple[int, ...] = ()
    causes: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    url: tuple[str, Any] | None = None
    includes_machines: bool = False

    @classmethod
    def read(cls, members: Members) -> "MessageFilter":
        return cls(
            channels=members.texts("channel", None, choices=Channel.values),
            messages=_ids(members, "message"),
            campaigns=_ids(members, "campaign"),
            workflows=_ids(members, "workflow"),
            causes=members.texts("campaign_type", None, choices=CAUSES),
            tags=members.texts("tag", None),
            languages=members.texts("language", None),
            categories=members.texts("category", None),
            domains=tuple(domain.lower() for domain in members.texts("domain", None)),
            reasons=members.texts("reason", None),
            url=members.part("url", _read_url, None),
            includes_machines=members.flag("machine"),
        )

    def check(self, catalogue: Catalogue) -> None:
        """Raises: BrokenReference: a message, workflow or category is not there."""
        known = set(Message.objects.filter(pk__in=self.messages).values_list("pk", flat=True))
        for number in self.messages:
            if number not in known:
                raise BrokenReference("unknown_message", f"there is no message with the id {number}")
        there = {pk for find in known_workflows for pk in find(self.workflows)}
        for number in self.workflows:
            if number not in there:
                raise BrokenReference("unknown_workflow", f"there is no workflow with the id {number}")
        for key in self.categories:
            catalogue.category_of(key)

    def conditions(self, catalogue: Catalogue) -> list[Sql]:
        """Over `messaging_activity a`, its delivery `d` and message `m`."""
        by_column: tuple[tuple[str, Any], ...] = (
            ("a.channel = ANY(%s)", self.channels), ("a.message_id = ANY(%s)", self.messages),
            ("a.cause_kind = ANY(%s)", self.causes), ("m.tags && %s::varchar[]", self.tags),
            ("d.language = ANY(%s)", self.languages), ("lower(split_part(d.endpoint, '@', 2)) = ANY(%s)", self.domains),
            ("a.reason = ANY(%s)", self.reasons),
            ("(a.cause_kind = 'campaign' AND a.cause_id = ANY(%s))", self.campaigns),
        )  # fmt: skip
        found: list[Sql] = [(sql, (list(values),)) for sql, values in by_column if values]
        if self.workflows:
            numbers = [str(number) for number in self.workflows]
            found.append(
                (
                    "(a.cause_kind = 'workflow' AND d.context #>> '{workflow,workflowId}' = ANY(%s))",
                    (numbers,),
                )
            )
        if self.categories:
            ids = [catalogue.category_of(key).pk for key in self.categories]
            found.append((
                "EXISTS (SELECT 1 FROM messaging_message_categories mc WHERE mc.message_id = a.message_id "
                "AND mc.subscriptioncategory_id = ANY(%s))", (ids,),
            ))  # fmt: skip
        if self.url is not None:
            found.append(_url_sql(*self.url))
        return found

    def words(self) -> str:
        named = (
            (_("channel"), self.channels), (_("message"), self.messages), (_("campaign"), self.campaigns),
            (_("workflow"), self.workflows), (_("sent by"), self.causes), (_("tag"), self.tags), (_("language"), self.languages),
            (_("category"), self.categories), (_("domain"), self.domains), (_("reason"), self.reasons),
        )  # fmt: skip
        parts = [f"{name} {wording.values(list(values))}" for name, values in named if values]
        if self.url is not None:
            parts.append(f"{_('link')} {wording.operator(self.url[0])} {wording.values(self.url[1])}".strip())
        if self.includes_machines:
            parts.append(_("machines counted"))
        return ", ".join(parts)


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
            raise members.fail("filter", "url is for clicked")
        window = members.part("window", Window.read, Window())
        if window.type == "next":
            raise members.fail("window", "next is for dates of contacts")
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


def _ids(members: Members, name: str) -> tuple[int, ...]:
    if members.has(name):
        return members.integers(name)
    members.take(name, None)
    return ()


def _read_rate(members: Members, activity: str, filter_: MessageFilter) -> tuple[str, Measure]:
    """`{"fn": "rate"}` and its comparison; clicks may be of the opened: `"base": "opened"`."""

    def read(part: Members) -> str:
        part.choice("fn", ("rate",))
        return part.choice(
            "base", ("delivered", "opened") if activity == "clicked" else ("delivered",), "delivered"
        )

    base = members.part("measure", read)
    if activity not in RATED:
        raise members.fail("measure", f"rate is of {', '.join(RATED)}")
    if filter_.url is not None or filter_.reasons or filter_.includes_machines:
        raise members.fail("filter", "url, reason and machine say nothing of messages without the activity")
    cmp = members.choice("cmp", operators.with_negatives(operators.NUMBER), code="unknown_operator")
    measure = Measure("rate", cmp=cmp, value=None)
    if cmp not in ("is_empty", "not_empty"):
        measure = replace(measure, value=members.keep("value", members.take("value")))
        try:
            measure.check()
        except BrokenReference as error:
            raise members.fail("value", error.message) from error
    return ("sent" if activity == "delivered" else base), measure


def _read_url(members: Members) -> tuple[str, Any]:
    cmp = members.choice("cmp", URL_OPERATORS, code="unknown_operator")
    value = None
    if cmp not in ("is_empty", "not_empty"):
        value = members.keep("value", members.take("value"))
        try:
            _url_sql(cmp, value)
        except BrokenReference as error:
            raise members.fail("value", error.message) from error
    return cmp, value


def _url_sql(cmp: str, value: Any) -> Sql:
    positive, is_complement = operators.positive_of(cmp)
    text, params = operators.text_sql(
        TextValue("lower(a.url)", "a.url", "a.url"), positive, value, exact=False
    )
    return (f"(({text}) IS NOT TRUE)" if is_complement else f"({text})"), params
