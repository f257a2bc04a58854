"""The kind `random`: a repeatable share of everybody (segments document, 9.7)."""

from dataclasses import dataclass
from typing import Self

from django.utils.translation import gettext as _

from segments.catalogue import Catalogue
from segments.leaves.base import Leaf, Query, Scope, fetch_one
from segments.rules.members import Members

BUCKETS = 10_000
# The first 8 bytes of the hash as an unsigned number, mod 10 000: (high mod m · 2^32 mod m + low) mod m.
WORD = "((get_byte(h, {0})::bigint << 24) + (get_byte(h, {1}) << 16) + (get_byte(h, {2}) << 8) + get_byte(h, {3}))"
BUCKET = f"(({WORD.format(0, 1, 2, 3)} %% 10000 * 7296 + {WORD.format(4, 5, 6, 7)}) %% 10000)"
HASHED = "SELECT c.id, sha256(convert_to(%s || ':' || c.id, 'UTF8')) AS h FROM contacts_contact c"


@dataclass(frozen=True, slots=True)
class RandomLeaf(Leaf):
    """Bucket from `low` to below `high` of 10 000. One salt splits for ever; different salts are independent."""

    kind = "random"

    salt: str
    low: int
    high: int

    @classmethod
    def read(cls, members: Members) -> Self:
        salt = members.text("salt", most=100)
        low, high = members.integer("from", most=BUCKETS), members.integer("to", most=BUCKETS)
        if low >= high:
            raise members.fail("to", _("must be greater than from"))
        return cls(salt, low, high)

    def reads(self, catalogue: Catalogue) -> frozenset[str]:  # noqa: ARG002
        return frozenset()

    def query(self, scope: Scope) -> Query:
        narrow, more = scope.narrow("c.id")
        inner = f"{HASHED} WHERE state = 'active'{narrow}"
        sql = f"SELECT id AS person_id FROM ({inner}) hashed WHERE {BUCKET} >= %s AND {BUCKET} < %s"
        return Query(sql, (self.salt, *more, self.low, self.high))

    def words(self, catalogue: Catalogue) -> str:  # noqa: ARG002
        return _("is in the random share %(low)s to %(high)s of 10 000 (%(salt)s)") % {
            "low": self.low, "high": self.high, "salt": self.salt,
        }  # fmt: skip

    def seen(self, scope: Scope, person_id: int) -> str:  # noqa: ARG002
        sql = f"SELECT {BUCKET} FROM ({HASHED} WHERE c.id = %s) hashed"
        return str(fetch_one(sql, [self.salt, person_id]))
