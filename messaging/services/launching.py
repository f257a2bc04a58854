"""Moves campaigns on: freezes audiences, plans in chunks, watches the breaker, finishes, cancels. Survives a kill anywhere.

A chunk's deliveries and the cursor are one transaction, so a chunk is planned whole or not at all, and once.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from django.core.exceptions import ObjectDoesNotExist
from django.db import connection, transaction
from django.utils.translation import override

from cdp.crash import crash_point
from cdp.models import Account
from contacts.models import Contact
from messaging.audiences import members_of
from messaging.models import (
    ActivityKind,
    Campaign,
    CampaignAudience,
    CampaignState,
    CauseKind,
    Reason,
    ZoneLate,
)
from messaging.rendering.filters import zone_of
from messaging.services.activity import ActivityRow, record_activity
from messaging.services.campaigns import month_of, pause_campaign
from messaging.services.planning import DeliveryRequest, plan_deliveries
from segments.rules import BrokenReference, DefinitionError
from segments.services.packing import deserialise, serialise

log = structlog.get_logger(__name__)

CHUNK = 1_000
LATE = timedelta(hours=2)
EAST = timedelta(hours=14)  # the zone whose clock shows the start first
CHECK_EVERY = timedelta(seconds=2)
BREAKER_SENT = 1_000
LEAST_SENT = 100
MOST_ERRORS = 0.05
MOST_COMPLAINTS = 0.003
MOST_FAULTS = 20
OPEN = """
SELECT EXISTS (SELECT 1 FROM messaging_delivery
               WHERE cause_kind = 'campaign' AND cause_id = %s AND state IN ('planned', 'claimed', 'sending'))
"""
CANCEL = """
UPDATE messaging_delivery d SET state = 'cancelled', reason = 'cancelled'
FROM (SELECT id, cause_month FROM messaging_delivery
      WHERE cause_kind = 'campaign' AND cause_id = %s AND state = 'planned' LIMIT %s FOR UPDATE SKIP LOCKED) p
WHERE d.id = p.id AND d.cause_month = p.cause_month
RETURNING d.id, d.cause_month, d.contact_id, d.message_id
"""
RECENT = """
SELECT count(*), min(at) FROM (
    SELECT at FROM messaging_activity WHERE cause_kind = 'campaign' AND cause_id = %s AND kind = 'sent'
    ORDER BY at DESC LIMIT %s
) recent
"""
TROUBLE = """
SELECT count(*) FILTER (WHERE kind = 'error' AND reason NOT IN ('rendering', 'unknown')),
       count(*) FILTER (WHERE kind = 'error' AND reason = 'rendering'),
       count(*) FILTER (WHERE kind = 'spam')
FROM messaging_activity
WHERE cause_kind = 'campaign' AND cause_id = %s AND kind IN ('error', 'spam') AND at >= %s
"""


def start_due(*, now: datetime) -> int:
    """Start scheduled campaigns whose time has come; returns how many moved. One that is hours late asks first."""
    moved = 0
    for pk in (
        Campaign.objects.filter(state=CampaignState.SCHEDULED).order_by("pk").values_list("pk", flat=True)
    ):
        campaign = Campaign.objects.get(pk=pk)
        due = campaign.starts_at or campaign.updated_at
        if campaign.in_contact_zone:
            due -= EAST
        if due > now:
            continue
        if campaign.starts_at is not None and now - campaign.starts_at > LATE:
            moved += pause_campaign(campaign_id=pk, reason="late", now=now)
        else:
            moved += _start(campaign, now)
    return moved


def _start(campaign: Campaign, now: datetime) -> int:
    """Freeze the audience. The set is evaluated outside the transaction that stores it."""
    try:
        with override("en"):  # what is wrong is kept, for readers of any language
            members = members_of(campaign.include, campaign.exclude, now=now)
    except (BrokenReference, DefinitionError, ObjectDoesNotExist, KeyError) as error:
        log.warning("campaign_failed", campaign=campaign.pk, error=str(error))
        return Campaign.objects.filter(pk=campaign.pk, state=CampaignState.SCHEDULED).update(
            state=CampaignState.FAILED, reason=str(error)[:2000], finished_at=now
        )
    with transaction.atomic():
        row = Campaign.objects.select_for_update().get(pk=campaign.pk)
        if row.state != CampaignState.SCHEDULED:
            return 0
        CampaignAudience.objects.update_or_create(campaign=row, defaults={"members": serialise(members)})
        row.state, row.started_at = CampaignState.PREPARING, now
        row.audience_count, row.planned_count, row.planned_through = len(members), 0, 0
        row.save()
        crash_point("campaign_before_start_commit")
    return 1


def plan_chunk(*, now: datetime) -> int:
    """Plan the next chunk of one campaign that is being prepared; returns the contacts handled."""
    with transaction.atomic():
        campaign = (
            Campaign.objects.select_for_update(skip_locked=True, of=("self",))
            .filter(state=CampaignState.PREPARING)
            .order_by("planned_count", "pk")  # a big campaign does not hold up a small one
            .first()
        )
        if campaign is None:
            return 0
        stored = CampaignAudience.objects.filter(campaign=campaign).first()
        members = deserialise(stored.members) if stored else None
        ids = _next_ids(members, campaign.planned_through) if members else []
        if ids:
            requests = _requests(campaign, ids, now)
            plan_deliveries(requests, now=now)
            campaign.planned_through = ids[-1]
            campaign.planned_count += len(ids)
        if len(ids) < CHUNK:
            campaign.planned_count = campaign.audience_count
            campaign.state = CampaignState.SENDING
            CampaignAudience.objects.filter(campaign=campaign).delete()
        campaign.save()
        crash_point("campaign_before_commit")
    crash_point("campaign_after_commit")
    return len(ids) or 1


def _next_ids(members: Any, after: int) -> list[int]:
    place = members.rank(after)
    return [int(members[n]) for n in range(place, min(place + CHUNK, len(members)))]


def _requests(campaign: Campaign, ids: list[int], now: datetime) -> list[DeliveryRequest]:
    moments = _local_moments(campaign, ids, now) if campaign.in_contact_zone and campaign.starts_at else {}
    requests = []
    for place, contact_id in enumerate(ids, campaign.planned_count):
        not_before = moments.get(contact_id)
        if campaign.rate:
            wait = timedelta(seconds=place // campaign.rate * campaign.rate_seconds)
            not_before = (campaign.started_at or now) + wait
        requests.append(
            DeliveryRequest(
                cause_kind=CauseKind.CAMPAIGN, cause_id=campaign.pk, cause_month=month_of(campaign),
                contact_id=contact_id, message_id=campaign.message_id, not_before=not_before,
            )
        )  # fmt: skip
    return requests


def _local_moments(campaign: Campaign, ids: list[int], now: datetime) -> dict[int, datetime]:
    """When each contact's own clock shows the start; a zone nobody knows counts as the account's."""
    assert campaign.starts_at is not None
    account_zone = Account.objects.values_list("time_zone", flat=True).get(pk=1)
    wall = campaign.starts_at.astimezone(zone_of(account_zone)).replace(tzinfo=None)
    zones = dict(Contact.objects.filter(pk__in=ids).values_list("pk", "time_zone"))
    moments = {}
    for contact_id in ids:
        zone = zone_of(zones.get(contact_id) or account_zone)
        moment = wall.replace(tzinfo=zone).astimezone(UTC)
        if moment < now and campaign.zone_late == ZoneLate.NEXT_DAY:
            moment = (wall + timedelta(days=1)).replace(tzinfo=zone).astimezone(UTC)
        moments[contact_id] = moment
    return moments


def watch_sending(*, now: datetime) -> int:
    """Finish campaigns whose deliveries are all final; pause those that go wrong. Returns how many moved."""
    moved = 0
    due = Campaign.objects.filter(state__in=[CampaignState.SENDING, CampaignState.PREPARING]).order_by("pk")
    for campaign in due:
        if campaign.checked_at is not None and timedelta(0) <= now - campaign.checked_at < CHECK_EVERY:
            continue
        Campaign.objects.filter(pk=campaign.pk).update(checked_at=now)
        reason = breaker_reason(campaign)
        if reason:
            log.warning("campaign_paused", campaign=campaign.pk, reason=reason)
            moved += pause_campaign(campaign_id=campaign.pk, reason=reason, now=now)
        elif campaign.state == CampaignState.SENDING:
            moved += _finish(campaign.pk, now)
    return moved


def _finish(campaign_id: int, now: datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute(OPEN, [campaign_id])
        [is_open] = cursor.fetchone()
    if is_open:
        return 0
    return Campaign.objects.filter(pk=campaign_id, state=CampaignState.SENDING).update(
        state=CampaignState.FINISHED, finished_at=now
    )


def breaker_reason(campaign: Campaign) -> str:
    """Why the campaign must stop by itself; '' when all is well. Looks at the last `BREAKER_SENT` handed over."""
    with connection.cursor() as cursor:
        cursor.execute(RECENT, [campaign.pk, BREAKER_SENT])
        sent, since = cursor.fetchone()
        start = campaign.started_at or campaign.created_at
        cursor.execute(TROUBLE, [campaign.pk, since if sent >= BREAKER_SENT else start])
        errors, faults, complaints = cursor.fetchone()
    if faults >= MOST_FAULTS and faults >= MOST_ERRORS * (sent + faults):
        return "rendering"
    if sent + errors >= LEAST_SENT and errors > MOST_ERRORS * (sent + errors):
        return "errors"
    if sent >= LEAST_SENT and complaints > max(MOST_COMPLAINTS * sent, 1):
        return "complaints"
    return ""


def cancel_chunk(*, now: datetime) -> int:
    """Mark deliveries of cancelled campaigns that still wait; returns how many."""
    recent = Campaign.objects.filter(
        state__in=[CampaignState.CANCELLED, CampaignState.FAILED], finished_at__gte=now - timedelta(days=7)
    )
    count = 0
    for pk in recent.order_by("pk").values_list("pk", flat=True):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(CANCEL, [pk, CHUNK])
            rows = cursor.fetchall()
            record_activity([_cancelled(pk, row, now) for row in rows], now=now)
        count += len(rows)
    return count


def _cancelled(campaign_id: int, row: tuple[Any, ...], now: datetime) -> ActivityRow:
    return ActivityRow(
        delivery_id=row[0], cause_month=row[1], cause_kind=CauseKind.CAMPAIGN, cause_id=campaign_id, person_id=row[2],
        message_id=row[3], kind=ActivityKind.UNAVAILABLE, at=now, reason=Reason.CANCELLED,
    )  # fmt: skip
