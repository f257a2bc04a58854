"""Creating, editing, restoring, archiving and deleting segments."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils.translation import gettext as _

from cdp.bell import ring
from contacts import field_uses
from segments.catalogue import Catalogue
from segments.models import (
    Build,
    BuildState,
    ChangeReason,
    Clock,
    Dirty,
    Lane,
    Meanwhile,
    Segment,
    SegmentSource,
    SegmentState,
    SegmentVersion,
)
from segments.rules import Definition
from segments.services.checking import read_checked, sources_of
from segments.services.uses import Use, uses_of

LONGEST_NAME = 255
MOST_USES = 1_000


class SegmentRefused(Exception):
    """A segment cannot be saved or deleted; `uses` tells what holds it."""

    def __init__(self, message: str, *, field: str = "", uses: list[Use] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.uses = uses or []


def create_segment(
    *,
    name: str,
    definition: Mapping[str, Any],
    actor: str,
    now: datetime,
    purpose: str = "",
    is_live: bool = True,
    announces: bool = False,
    owner_id: int | None = None,
) -> Segment:
    """Make a segment and ask for its first build.

    Args:
        announces: the members of the first build count as entering.

    Raises:
        DefinitionError: the definition's faults, each with its pointer.
        SegmentRefused: the name is blank, too long or taken.
    """
    catalogue = Catalogue()
    tree = read_checked(definition, catalogue)
    with transaction.atomic():
        segment = Segment(
            name=_checked_name(name), purpose=purpose, definition=dict(definition), fingerprint=tree.fingerprint,
            is_live=is_live, owner_id=owner_id, created_at=now, updated_at=now,
        )  # fmt: skip
        _save_named(segment)
        Lane.objects.create(segment=segment)
        Build.objects.create(segment=segment)
        Clock.objects.bulk_create([Clock(pk=1, swept_at=now)], ignore_conflicts=True)  # swept from here on
        _note_version(segment, tree, catalogue, actor=actor, now=now)
        request_build(
            segment.pk, reason=ChangeReason.DEFINITION, now=now, is_muted=not announces, announces=announces
        )
    return segment


def update_segment(
    segment_id: int,
    *,
    actor: str,
    now: datetime,
    name: str | None = None,
    purpose: str | None = None,
    definition: Mapping[str, Any] | None = None,
    is_live: bool | None = None,
) -> Segment:
    """Change a segment. Another definition is a new version and is built anew; its members enter silently.

    Raises:
        DefinitionError: the definition's faults, each with its pointer.
        SegmentRefused: the name is blank, too long or taken.
        Segment.DoesNotExist: no segment has the id.
    """
    with transaction.atomic():
        segment = _hold(segment_id)
        catalogue = Catalogue()
        tree = None if definition is None else read_checked(definition, catalogue, own_id=segment_id)
        segment.name = segment.name if name is None else _checked_name(name)
        segment.purpose = segment.purpose if purpose is None else purpose
        wakes = is_live is True and not segment.is_live
        segment.is_live = segment.is_live if is_live is None else is_live
        segment.updated_at = now
        if tree is not None and definition is not None and dict(definition) != segment.definition:
            _save_definition(segment, definition, tree, catalogue, actor=actor, now=now)
        else:
            _save_named(segment)
            if wakes:
                request_build(segment_id, reason=ChangeReason.REBUILD, now=now)
    return segment


def _save_definition(
    segment: Segment,
    body: Mapping[str, Any],
    tree: Definition,
    catalogue: Catalogue,
    *,
    actor: str,
    now: datetime,
) -> None:
    """Keep another definition as a new version; one that means something else is built."""
    is_same = tree.fingerprint == segment.fingerprint
    was_broken = segment.state == SegmentState.BROKEN
    segment.definition, segment.fingerprint = dict(body), tree.fingerprint
    segment.version += 1
    if was_broken:
        segment.state, segment.reason = SegmentState.ACTIVE, ""
    _save_named(segment)
    _note_version(segment, tree, catalogue, actor=actor, now=now)
    if not is_same or was_broken:
        request_build(segment.pk, reason=ChangeReason.DEFINITION, now=now, is_muted=True)


def restore_version(segment_id: int, number: int, *, actor: str, now: datetime) -> Segment:
    """Make an old definition the present one, as a new version.

    Raises:
        DefinitionError: it names what is gone since.
        SegmentVersion.DoesNotExist: there is no such version.
    """
    old = SegmentVersion.objects.get(segment_id=segment_id, number=number)
    return update_segment(segment_id, definition=old.definition, actor=actor, now=now)


def archive_segment(segment_id: int, *, now: datetime) -> None:
    """Put a segment away: it keeps its last members and is not kept up to date.

    Raises:
        SegmentRefused: it is in use.
    """
    with transaction.atomic():
        segment = _hold(segment_id)
        _refuse_used(segment)
        segment.state, segment.reason, segment.updated_at = SegmentState.ARCHIVED, "", now
        segment.save(update_fields=["state", "reason", "updated_at"])
        Build.objects.filter(pk=segment_id).update(state=BuildState.IDLE, token=None)


def unarchive_segment(segment_id: int, *, now: datetime) -> None:
    """Take a segment out of the archive and build it; its members of now enter silently."""
    with transaction.atomic():
        segment = _hold(segment_id)
        segment.state, segment.updated_at = SegmentState.ACTIVE, now
        segment.save(update_fields=["state", "updated_at"])
        request_build(segment_id, reason=ChangeReason.DEFINITION, now=now, is_muted=True)


def delete_segment(segment_id: int) -> None:
    """Delete a segment, its members and versions; the contacts stay.

    Raises:
        SegmentRefused: it is in use; `uses` says where.
    """
    with transaction.atomic():
        segment = _hold(segment_id)
        _refuse_used(segment)
        Dirty.objects.filter(source=f"only.{segment_id}").delete()
        Meanwhile.objects.filter(segment_id=segment_id).delete()
        segment.delete()


def request_build(
    segment_id: int, *, reason: str, now: datetime, is_muted: bool = False, is_checking: bool = False,
    announces: bool = False,
) -> None:  # fmt: skip
    """Ask for a full build. One that is under way for an older definition comes to nothing; a waiting one is joined.

    A build asked for several times is muted only if it was each time, and checks only if nothing else asked.
    """
    row = Build.objects.select_for_update().get(pk=segment_id)
    is_joined = row.state == BuildState.WAITING
    row.is_muted = is_muted and (row.is_muted or not is_joined)
    row.is_checking = is_checking and (row.is_checking or not is_joined)
    row.does_announce = announces or (row.does_announce and is_joined)
    if not is_joined or row.reason != ChangeReason.DEFINITION:
        row.reason = reason
    row.state, row.token, row.not_before = BuildState.WAITING, None, None
    row.requested_at = row.requested_at if is_joined else now
    row.attempts = 0
    row.save()
    transaction.on_commit(lambda: ring("segment_builds"))


def ask_for_build(segment_id: int, *, now: datetime) -> None:
    """Ask for a full build, as a colleague does.

    Raises:
        SegmentRefused: the segment is broken or archived.
    """
    with transaction.atomic():
        if not Segment.objects.filter(pk=segment_id, state=SegmentState.ACTIVE).exists():
            raise SegmentRefused(_("Only an active segment is counted."))
        request_build(segment_id, reason=ChangeReason.REBUILD, now=now)


def break_segment(segment_id: int, *, reason: str, now: datetime) -> None:
    """Mark a segment broken: it keeps its last members, and whoever wants to use it is refused."""
    Segment.objects.filter(pk=segment_id, state=SegmentState.ACTIVE).update(
        state=SegmentState.BROKEN, reason=reason[:1000], updated_at=now
    )


def mend_segment(segment_id: int, *, now: datetime) -> None:
    """What a broken segment names is back: build it anew."""
    with transaction.atomic():
        if Segment.objects.filter(pk=segment_id, state=SegmentState.BROKEN).update(
            state=SegmentState.ACTIVE, reason="", updated_at=now
        ):
            request_build(segment_id, reason=ChangeReason.DEFINITION, now=now, is_muted=True)


def _hold(segment_id: int) -> Segment:
    """Lock a segment for changing: its lane first, as all who write its members do, so that none waits for the other.

    Raises:
        Segment.DoesNotExist: no segment has the id.
    """
    Lane.objects.select_for_update().filter(pk=segment_id).first()
    return Segment.objects.select_for_update().get(pk=segment_id)


def _checked_name(name: str) -> str:
    text = name.strip()
    if not text or len(text) > LONGEST_NAME or "\0" in text:
        text = _("The name must have 1 to %(most)s characters.") % {"most": LONGEST_NAME}
        raise SegmentRefused(text, field="name")
    return text


def _save_named(segment: Segment) -> None:
    try:
        with transaction.atomic():
            segment.save()
    except IntegrityError as error:
        raise SegmentRefused(_("Another segment has this name."), field="name") from error


def _note_version(
    segment: Segment, tree: Definition, catalogue: Catalogue, *, actor: str, now: datetime
) -> None:
    SegmentVersion.objects.create(
        segment=segment, number=segment.version, definition=segment.definition, fingerprint=tree.fingerprint,
        author=actor, saved_at=now,
    )  # fmt: skip
    wanted = sources_of(tree, catalogue)
    SegmentSource.objects.filter(segment=segment).exclude(source__in=wanted).delete()
    SegmentSource.objects.bulk_create(
        [SegmentSource(segment=segment, source=source) for source in sorted(wanted)], ignore_conflicts=True
    )


def _refuse_used(segment: Segment) -> None:
    uses = uses_of(segment.pk)
    if uses:
        named = [_("%(kind)s “%(name)s”") % {"kind": use.kind, "name": use.name} for use in uses[:10]]
        text = _("%(name)s is used by %(uses)s.") % {"name": segment.name, "uses": ", ".join(named)}
        raise SegmentRefused(text, uses=uses)


def segments_using(segment_id: int) -> list[Use]:
    """The segments that refer to a segment; archived ones too, for they may come back."""
    rows = SegmentSource.objects.filter(source=f"segment.{segment_id}").select_related("segment")
    return [Use(_("segment"), row.segment.name) for row in rows.order_by("segment__name")[:100]]


def segments_using_fields(field_ids: Sequence[int]) -> dict[int, list[field_uses.Use]]:
    """The segments that read additional fields, by field; archived ones too, for they may come back."""
    sources = {f"data.{field_id}": field_id for field_id in field_ids}
    rows = SegmentSource.objects.filter(source__in=sources).select_related("segment")
    found: dict[int, list[field_uses.Use]] = {}
    for row in rows.order_by("segment__name")[:MOST_USES]:
        page = reverse("admin:segments_segment_change", args=[row.segment_id])
        found.setdefault(sources[row.source], []).append(field_uses.Use(_("Segment"), row.segment.name, page))
    return found
