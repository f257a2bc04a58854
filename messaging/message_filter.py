"""Which messages a condition of the kind `message` is about: its member `filter` (segments document, 4.2)."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from messaging.models import Campaign, Channel, Message
from segments.catalogue import Catalogue
from segments.leaves import operators, wording
from segments.leaves.operators import Sql, TextValue
from segments.rules.errors import BrokenReference
from segments.rules.members import Members

CAUSES = ("campaign", "workflow", "api")
URL_OPERATORS = operators.with_negatives(operators.TEXT)
DELAY_OPERATORS = ("gt", "gte", "lt", "lte", "between")
UNITS = {"minute": 60, "hour": 3_600, "day": 86_400}
DELAY_WORDS = {
    "minute": gettext_noop("minutes until opened"), "hour": gettext_noop("hours until opened"),
    "day": gettext_noop("days until opened"),
}  # fmt: skip
READ_DELAY = "extract(epoch FROM a.at - d.sent_at)"


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
    read_delay: tuple[str, Any, str] | None = None  # between sending and opening: operator, value, unit
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
            read_delay=members.part("read_delay", _read_delay, None),
            includes_machines=members.flag("machine"),
        )

    def check(self, catalogue: Catalogue) -> None:
        """Raises: BrokenReference: a message, workflow or category is not there."""
        known = set(Message.objects.filter(pk__in=self.messages).values_list("pk", flat=True))
        for number in self.messages:
            if number not in known:
                text = _("there is no message with the id %(id)s") % {"id": number}
                raise BrokenReference("unknown_message", text)
        there = {pk for find in known_workflows for pk in find(self.workflows)}
        for number in self.workflows:
            if number not in there:
                text = _("there is no workflow with the id %(id)s") % {"id": number}
                raise BrokenReference("unknown_workflow", text)
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
        if self.read_delay is not None:
            found.append(_delay_sql(*self.read_delay))
        return found

    def words(self) -> str:
        named = (
            (_("channel"), self.channels), (_("message"), _names(Message, self.messages)),
            (_("campaign"), _names(Campaign, self.campaigns)),
            (_("workflow"), self.workflows), (_("sent by"), self.causes), (_("tag"), self.tags), (_("language"), self.languages),
            (_("category"), self.categories), (_("domain"), self.domains), (_("reason"), self.reasons),
        )  # fmt: skip
        parts = [f"{name} {wording.values(list(values))}" for name, values in named if values]
        if self.url is not None:
            parts.append(f"{_('link')} {wording.operator(self.url[0])} {wording.values(self.url[1])}".strip())
        if self.read_delay is not None:
            cmp, value, unit = self.read_delay
            parts.append(f"{_(DELAY_WORDS[unit])} {wording.operator(cmp)} {wording.values(value)}")
        if self.includes_machines:
            parts.append(_("machines counted"))
        return ", ".join(parts)


def _names(model: Any, ids: Collection[int]) -> list[str]:
    """What messages or campaigns are called, in quotes; one that is gone keeps its number."""
    if not ids:
        return []
    found = dict(model.objects.filter(pk__in=ids).values_list("pk", "name"))
    return [f"“{found[pk]}”" if pk in found else str(pk) for pk in ids]


def _ids(members: Members, name: str) -> tuple[int, ...]:
    if members.has(name):
        return members.integers(name)
    members.take(name, None)
    return ()


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


def _read_delay(members: Members) -> tuple[str, Any, str]:
    cmp = members.choice("cmp", DELAY_OPERATORS, code="unknown_operator")
    unit = members.choice("unit", tuple(UNITS))
    value = members.keep("value", members.take("value"))
    try:
        _delay_sql(cmp, value, unit)
    except BrokenReference as error:
        raise members.fail("value", error.message) from error
    return cmp, value, unit


def _delay_sql(cmp: str, value: Any, unit: str) -> Sql:
    return operators.number_sql(f"({READ_DELAY} / {UNITS[unit]})", cmp, value)
