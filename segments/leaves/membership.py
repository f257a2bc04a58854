"""The kinds `list`, `segment` and `category`: what a contact is on, in, or subscribed to."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Self

from django.utils.translation import gettext as _
from pyroaring import BitMap64

from segments.catalogue import Catalogue
from segments.leaves import wording
from segments.leaves.base import Leaf, Query, Scope, fetch_one
from segments.leaves.operators import bad_value, range_sql
from segments.leaves.windows import Window, moved_bounds
from segments.rules.members import Members

if TYPE_CHECKING:
    from segments.services.evaluation import Pass

SETS = ("in_any", "in_all", "in_none")
CHANNELS = ("*", "email", "sms", "viber", "web_push", "mobile_push", "app_inbox", "in_app", "telegram")


@dataclass(frozen=True, slots=True)
class ListLeaf(Leaf):
    kind = "list"

    cmp: str
    value: tuple[int, ...]
    added: Window | None = None

    @classmethod
    def read(cls, members: Members) -> Self:
        cmp = members.choice("cmp", SETS, code="unknown_operator")
        return cls(cmp, members.integers("value"), members.part("added", Window.read, None))

    def check(self, catalogue: Catalogue) -> None:
        for number in self.value:
            catalogue.list_name(number)
        if self.added is not None and (self.added.filters_clock or self.added.is_contact_zone):
            raise bad_value(_("the time of joining has no time of day, weekdays or contact's zone"))

    def reads(self, catalogue: Catalogue) -> frozenset[str]:  # noqa: ARG002
        return frozenset(f"list.{number}" for number in self.value)

    def query(self, scope: Scope) -> Query:
        self.check(scope.catalogue)
        sql = "SELECT contact_id AS person_id FROM contacts_listmember WHERE list_id = ANY(%s)"
        params: list[object] = [list(self.value)]
        if self.added is not None:
            inside, more = range_sql("added_at", self.added.range(scope.now, scope.catalogue.zone))
            sql += f" AND {inside}"
            params += more
        narrow, more = scope.narrow("contact_id")
        sql += narrow
        params += more
        if self.cmp == "in_all" and len(self.value) > 1:
            sql += f" GROUP BY contact_id HAVING count(DISTINCT list_id) = {len(self.value)}"
        return Query(sql, tuple(params), self.cmp == "in_none")

    def edges(self, scope: Scope, since: datetime, until: datetime) -> Sequence[Query]:
        if self.added is None:
            return ()
        zone = scope.catalogue.zone
        found = []
        for moved in moved_bounds(self.added.range(since, zone), self.added.range(until, zone)):
            inside, more = range_sql("added_at", moved)
            sql = f"SELECT contact_id AS person_id FROM contacts_listmember WHERE list_id = ANY(%s) AND {inside}"
            found.append(Query(sql, (list(self.value), *more)))
        return found

    def words(self, catalogue: Catalogue) -> str:
        names = wording.values([catalogue.list_name(number) for number in self.value])
        text = {
            "in_any": _("is on the list %(names)s"), "in_all": _("is on all lists %(names)s"),
            "in_none": _("is not on the list %(names)s"),
        }[self.cmp] % {"names": names}  # fmt: skip
        return (
            text
            if self.added is None
            else _("%(text)s, added %(when)s") % {"text": text, "when": self.added.words()}
        )

    def seen(self, scope: Scope, person_id: int) -> str:  # noqa: ARG002
        sql = (
            "SELECT string_agg(l.name, ', ' ORDER BY l.name) FROM contacts_listmember m "
            "JOIN contacts_contactlist l ON l.id = m.list_id WHERE m.contact_id = %s AND m.list_id = ANY(%s)"
        )
        return str(fetch_one(sql, [person_id, list(self.value)]) or _("none"))


@dataclass(frozen=True, slots=True)
class SegmentLeaf(Leaf):
    """Other dynamic segments; `Pass` says whether from their stored members or evaluated in the same snapshot."""

    kind = "segment"

    cmp: str
    value: tuple[int, ...]

    @classmethod
    def read(cls, members: Members) -> Self:
        return cls(members.choice("cmp", SETS, code="unknown_operator"), members.integers("value"))

    def check(self, catalogue: Catalogue) -> None:
        for number in self.value:
            catalogue.segment(number)

    def reads(self, catalogue: Catalogue) -> frozenset[str]:  # noqa: ARG002
        return frozenset(f"segment.{number}" for number in self.value)

    def query(self, scope: Scope) -> Query:
        raise NotImplementedError("a segment is evaluated as a set, not by a query")

    def members(self, evaluation: "Pass") -> BitMap64:
        self.check(evaluation.scope.catalogue)
        sets = [evaluation.segment(number) for number in self.value]
        found = sets[0]
        for other in sets[1:]:
            found = found & other if self.cmp == "in_all" else found | other
        return evaluation.universe - found if self.cmp == "in_none" else found

    def words(self, catalogue: Catalogue) -> str:
        names = wording.values([catalogue.segment(number).name for number in self.value])
        return {
            "in_any": _("is in the segment %(names)s"), "in_all": _("is in all segments %(names)s"),
            "in_none": _("is not in the segment %(names)s"),
        }[self.cmp] % {"names": names}  # fmt: skip


CHOSEN = """
SELECT DISTINCT ON (contact_id, category_id) contact_id, category_id, is_subscribed FROM (
    SELECT contact_id, category_id, is_subscribed, 1 AS rank FROM contacts_subscriptionchoice
    WHERE category_id = ANY(%s) AND channel = %s AND channel <> '*'[narrow]
    UNION ALL
    SELECT m.contact_id, c.id, true, 2 FROM contacts_listmember m JOIN contacts_subscriptioncategory c USING (list_id)
    WHERE c.id = ANY(%s)[narrow]
    UNION ALL
    SELECT contact_id, category_id, false, 3 FROM contacts_subscriptionchoice
    WHERE category_id = ANY(%s) AND channel = '*'[narrow]
) known ORDER BY contact_id, category_id, rank
"""


@dataclass(frozen=True, slots=True)
class CategoryLeaf(Leaf):
    """The stored choice about categories; a channel without a row of its own falls back to all channels.

    Being on a category's list is being subscribed by all channels; whoever has a choice and is not on it has opted out.
    """

    kind = "category"

    cmp: str
    value: tuple[str, ...]
    match: str = "any"
    channel: str = "*"

    @classmethod
    def read(cls, members: Members) -> Self:
        cmp = members.choice("cmp", ("subscribed", "opted_out", "no_choice"), code="unknown_operator")
        keys = members.texts("value")
        match = members.choice("match", ("any", "all"), "any")
        return cls(cmp, keys, match, members.choice("channel", CHANNELS, "*"))

    def check(self, catalogue: Catalogue) -> None:
        for key in self.value:
            catalogue.category_of(key)

    def reads(self, catalogue: Catalogue) -> frozenset[str]:
        found = [catalogue.category_of(key) for key in self.value]
        return frozenset(
            word for category in found for word in (f"category.{category.pk}", f"list.{category.list_id}")
        )

    def query(self, scope: Scope) -> Query:
        numbers = [scope.catalogue.category_of(key).pk for key in self.value]
        wanted = {"subscribed": "is_subscribed", "opted_out": "NOT is_subscribed", "no_choice": "true"}[
            self.cmp
        ]
        narrow, more = scope.narrow("contact_id")
        chosen = CHOSEN.replace("[narrow]", narrow)
        params = (numbers, self.channel, *more, numbers, *more, numbers, *more)
        # No choice about any of them: not one about each. No choice about all: none at all.
        needs_all = self.match == "all" if self.cmp != "no_choice" else self.match == "any"
        sql = f"SELECT contact_id AS person_id FROM ({chosen}) chosen WHERE {wanted} GROUP BY contact_id"
        if needs_all and len(numbers) > 1:
            sql += f" HAVING count(*) = {len(numbers)}"
        return Query(sql, params, self.cmp == "no_choice")

    def words(self, catalogue: Catalogue) -> str:
        names = wording.values([catalogue.category_of(key).name for key in self.value])
        return {
            "subscribed": _("is subscribed to %(names)s"), "opted_out": _("opted out of %(names)s"),
            "no_choice": _("made no choice about %(names)s"),
        }[self.cmp] % {"names": names}  # fmt: skip

    def seen(self, scope: Scope, person_id: int) -> str:
        numbers = [scope.catalogue.category_of(key).pk for key in self.value]
        sql = (
            f"SELECT string_agg(CASE WHEN is_subscribed THEN 'subscribed' ELSE 'opted out' END, ', ') "
            f"FROM ({CHOSEN.replace('[narrow]', ' AND contact_id = %s')}) chosen"
        )
        found = fetch_one(sql, [numbers, self.channel, person_id, numbers, person_id, numbers, person_id])
        return str(found or _("no choice"))
