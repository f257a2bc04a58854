"""Audiences: kinds of sets of contacts a campaign may include or exclude; each answers with a bitmap of ids."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connection
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from pyroaring import BitMap64

from contacts.models import ContactList
from segments.models import Segment
from segments.services.evaluation import evaluate
from segments.services.packing import packed, unpack

ACTIVE = """
SELECT m.contact_id AS person_id FROM contacts_listmember m
JOIN contacts_contact c ON c.id = m.contact_id AND c.state = 'active'
WHERE m.list_id = %s
"""
MOST_PARTS = 50


@dataclass(frozen=True, slots=True)
class AudienceKind:
    """`members` gives the ids of one set at an instant; `names` what sets are called, by id."""

    key: str
    label: Any
    members: Callable[[int, datetime], BitMap64]
    names: Callable[[Collection[int]], dict[int, str]]
    choices: Callable[[], list[tuple[int, str]]]


registry: dict[str, AudienceKind] = {}


def register_audience(kind: AudienceKind) -> None:
    registry[kind.key] = kind


def check_parts(parts: Any, path: str) -> None:
    """Refuse anything but a list of {"kind", "id"} of sets that exist.

    Raises:
        ValidationError: names the part and the rule.
    """
    if not isinstance(parts, list) or len(parts) > MOST_PARTS:
        raise ValidationError(
            _("%(path)s: this must be a list of at most %(most)s.") % {"path": path, "most": MOST_PARTS}
        )
    for place, part in enumerate(parts):
        where = f"{path}[{place}]"
        if not isinstance(part, dict) or set(part) != {"kind", "id"} or part["kind"] not in registry:
            raise ValidationError(_("%(path)s: use kind and id.") % {"path": where})
        if not isinstance(part["id"], int) or part["id"] not in registry[part["kind"]].names([part["id"]]):
            raise ValidationError(
                _("%(path)s: there is no such %(kind)s.") % {"path": where, "kind": part["kind"]}
            )


def members_of(
    include: Sequence[dict[str, Any]], exclude: Sequence[dict[str, Any]], *, now: datetime
) -> BitMap64:
    """Everybody in any included set and in no excluded one.

    Raises:
        segments.rules.BrokenReference: a segment names what is not there.
    """
    found = BitMap64()
    for part in include:
        found |= registry[part["kind"]].members(part["id"], now)
    for part in exclude:
        found -= registry[part["kind"]].members(part["id"], now)
    return found


def names_of(parts: Sequence[dict[str, Any]]) -> list[str]:
    """What the parts are called, in order; a set that is gone is `?`."""
    found: dict[tuple[str, int], str] = {}
    for key, kind in registry.items():
        ids = [part["id"] for part in parts if part["kind"] == key]
        found |= {(key, pk): name for pk, name in kind.names(ids).items()}
    return [found.get((part["kind"], part["id"]), "?") for part in parts]


def _list_members(list_id: int, now: datetime) -> BitMap64:  # noqa: ARG001
    with connection.cursor() as cursor:
        cursor.execute(packed(ACTIVE), [list_id])
        return unpack(cursor.fetchall())


def _segment_members(segment_id: int, now: datetime) -> BitMap64:
    return evaluate(Segment.objects.get(pk=segment_id).definition, now=now)


def register_all() -> None:
    register_audience(
        AudienceKind(
            "segment", gettext_lazy("segment"), _segment_members,
            lambda ids: dict(Segment.objects.filter(pk__in=ids).values_list("pk", "name")),
            lambda: list(Segment.objects.order_by("name").values_list("pk", "name")[:500]),
        )
    )  # fmt: skip
    register_audience(
        AudienceKind(
            "list", pgettext_lazy("of contacts", "list"), _list_members,
            lambda ids: dict(ContactList.objects.filter(pk__in=ids).values_list("pk", "name")),
            lambda: list(ContactList.objects.order_by("name").values_list("pk", "name")[:500]),
        )
    )  # fmt: skip
