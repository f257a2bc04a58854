"""The kind `channel`: whether a contact has an identifier of a channel, and may be sent to by it."""

from dataclasses import dataclass
from typing import Self

from django.utils.translation import gettext as _

from contacts.models import AddressStatus
from segments.catalogue import Catalogue
from segments.leaves import wording
from segments.leaves.base import Leaf, Query, Scope, fetch_one
from segments.leaves.operators import Sql
from segments.rules.members import Members

ADDRESSES = {"email": ("email", "email_norm"), "sms": ("phone", "phone"), "viber": ("phone", "phone")}
TOKENS = {
    "web_push": "web", "mobile_push": "mobile", "app_inbox": "mobile", "in_app": "mobile", "telegram": "telegram",
}  # fmt: skip
CHANNELS = (*ADDRESSES, *TOKENS)
LABELS = {
    "email": "E-mail", "sms": "SMS", "viber": "Viber", "web_push": "Web push", "mobile_push": "Mobile push",
    "app_inbox": "App inbox", "in_app": "In-app", "telegram": "Telegram",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ChannelLeaf(Leaf):
    """`present`: has the identifier, whatever its state; `reachable`: could be sent a marketing message now."""

    kind = "channel"

    channel: str
    cmp: str
    value: tuple[str, ...] = ()
    domain: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()

    @classmethod
    def read(cls, members: Members) -> Self:
        channel = members.choice("channel", CHANNELS, code="unknown_channel")
        cmp = members.choice("cmp", ("present", "reachable", "status_in"), code="unknown_operator")
        value: tuple[str, ...] = ()
        if cmp == "status_in":
            if channel not in ADDRESSES:
                raise members.fail("cmp", _("status_in is for e-mail, SMS and Viber"))
            value = members.texts("value", choices=AddressStatus.values)
        domain = members.texts("domain", ()) if channel == "email" else ()
        scopes: tuple[str, ...] = ()
        if channel in TOKENS:
            scopes = members.texts("site" if channel == "web_push" else "app", ())
        return cls(channel, cmp, value, tuple(sorted(one.strip().lower() for one in domain)), scopes)

    def reads(self, catalogue: Catalogue) -> frozenset[str]:  # noqa: ARG002
        if self.channel in TOKENS:
            return frozenset({f"key.{TOKENS[self.channel]}"})
        kind, _column = ADDRESSES[self.channel]
        return frozenset({kind} | ({f"address.{kind}"} if self.cmp != "present" else set()))

    def query(self, scope: Scope) -> Query:
        if self.channel in TOKENS:
            sql, params = self._tokens()
            narrow, more = scope.narrow("person_id")
            return Query(f"SELECT person_id FROM contacts_key WHERE {sql}{narrow}", (*params, *more))
        if self.cmp == "present" and not self.domain:
            return scope.row_test(f"{ADDRESSES[self.channel][1]} IS NOT NULL", ())
        sql, params = self._addresses()
        narrow, more = scope.narrow("c.id")
        return Query(f"SELECT c.id AS person_id FROM {sql}{narrow}", (*params, *more))

    def _addresses(self) -> Sql:
        kind, column = ADDRESSES[self.channel]
        params: list[object] = []
        if self.cmp == "present":
            sql = f"contacts_contact c WHERE c.{column} IS NOT NULL"
        else:
            statuses = list(self.value) if self.cmp == "status_in" else [AddressStatus.ACTIVE.value]
            sql = (
                f"contacts_contact c JOIN contacts_address a ON a.kind = '{kind}' AND a.value = c.{column} "
                "WHERE a.status = ANY(%s)"
            )
            params.append(statuses)
            if self.cmp == "reachable" and self.channel == "sms":
                sql += " AND a.is_sms_capable"
        if self.domain:
            sql += " AND split_part(c.email_norm, '@', 2) = ANY(%s)"
            params.append(list(self.domain))
        return sql, tuple(params)

    def _tokens(self) -> Sql:
        sql = f"kind = '{TOKENS[self.channel]}' AND person_id IS NOT NULL"
        if self.cmp == "reachable":
            sql += " AND is_active"
        if self.scopes:
            return f"{sql} AND scope = ANY(%s)", (list(self.scopes),)
        return sql, ()

    def words(self, catalogue: Catalogue) -> str:  # noqa: ARG002
        texts = {"present": _("is known"), "reachable": _("can be sent to"), "status_in": _("is in state")}
        more = wording.values(self.value or self.domain or self.scopes)
        return f"{_(LABELS[self.channel])} {texts[self.cmp]} {more}".strip()

    def seen(self, scope: Scope, person_id: int) -> str:  # noqa: ARG002
        if self.channel in TOKENS:
            sql = "SELECT count(*) FROM contacts_key WHERE person_id = %s AND kind = %s"
            return str(fetch_one(sql, [person_id, TOKENS[self.channel]]))
        kind, column = ADDRESSES[self.channel]
        sql = (
            f"SELECT a.status FROM contacts_contact c JOIN contacts_address a ON a.kind = %s AND a.value = c.{column} "
            "WHERE c.id = %s"
        )
        return str(fetch_one(sql, [kind, person_id]) or _("none"))
