"""What is done to a campaign: counted, started, paused, resumed, cancelled."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.urls import reverse
from django.utils.translation import gettext as _

from cdp.bell import ring
from messaging.audiences import check_parts, members_of
from messaging.models import Campaign, CampaignAudience, CampaignState, CauseKind, MessageState
from messaging.services.causes import CauseName, CauseState, Gate
from messaging.services.planning import DeliveryRequest, preview_plan
from messaging.services.sending import PARKED

MOST_COUNTED = 20_000
LEAST_WITH_RATE = 10
ENDED = (CampaignState.FINISHED, CampaignState.CANCELLED, CampaignState.FAILED)
UNPARK = """
UPDATE messaging_delivery SET not_before = %(now)s
WHERE cause_month = %(month)s AND cause_kind = 'campaign' AND cause_id = %(campaign)s AND state = 'planned'
  AND not_before = %(parked)s
"""
SPREAD = """
WITH recent AS (  -- what was handed over in the last period is a part of this one's
    SELECT count(*) AS handed FROM messaging_delivery
    WHERE cause_month = %(month)s AND cause_kind = 'campaign' AND cause_id = %(campaign)s
      AND handed_at > %(now)s - %(period)s
)
UPDATE messaging_delivery d SET not_before = %(now)s + ((o.place + recent.handed) / %(rate)s) * %(period)s
FROM recent, (
    SELECT id, row_number() OVER (ORDER BY id) - 1 AS place FROM messaging_delivery
    WHERE cause_month = %(month)s AND cause_kind = 'campaign' AND cause_id = %(campaign)s AND state = 'planned'
) o
WHERE d.id = o.id AND d.cause_month = %(month)s AND d.state = 'planned'
"""


class CampaignRefused(Exception):
    """The campaign is not in a state for this, or something it needs is missing."""


@dataclass(frozen=True, slots=True)
class AudienceCount:
    """Who would get it now. `reasons`: skip reason → how many, scaled up when only a part was looked at."""

    total: int
    sendable: int
    reasons: dict[str, int]
    is_estimate: bool


def month_of(campaign: Campaign) -> date:
    return campaign.created_at.date().replace(day=1)


def save_campaign(*, campaign: Campaign, owner: Any = None, now: datetime) -> Campaign:
    """Store a draft.

    Raises:
        ValidationError: a part of the audience is no set that exists.
        CampaignRefused: it was started already.
    """
    if campaign.pk and Campaign.objects.get(pk=campaign.pk).state not in (
        CampaignState.DRAFT,
        CampaignState.SCHEDULED,
    ):
        raise CampaignRefused(_("A campaign that was started cannot be edited."))
    check_parts(campaign.include, "include")
    check_parts(campaign.exclude, "exclude")
    if campaign.in_contact_zone and (campaign.starts_at is None or campaign.rate):
        raise ValidationError(_("Sending in the contact's zone needs a start, and no rate."))
    campaign.updated_at = now
    if campaign.pk is None:
        campaign.created_at, campaign.owner = now, owner
    campaign.state = CampaignState.DRAFT
    campaign.save()
    return campaign


def count_audience(campaign: Campaign, *, now: datetime) -> AudienceCount:
    """Count by skip reason; of more than `MOST_COUNTED` contacts every n-th is looked at."""
    members = members_of(campaign.include, campaign.exclude, now=now)
    total = len(members)
    step = max(1, -(-total // MOST_COUNTED))
    ids = [members[place] for place in range(0, total, step)] if total else []
    reasons = Counter(preview_plan([_request(campaign, contact_id) for contact_id in ids], now=now))
    sendable = reasons.pop("", 0)
    scaled = {reason: count * step for reason, count in reasons.most_common()}
    return AudienceCount(total, min(sendable * step, total), scaled, step > 1)


def name_campaigns(ids: Collection[int]) -> dict[int, CauseName]:
    """Names and pages of campaigns, for lists of deliveries."""
    return {
        pk: CauseName(name, reverse("admin:messaging_campaign_change", args=[pk]), "messaging.view_campaign")
        for pk, name in Campaign.objects.filter(pk__in=ids).values_list("pk", "name")
    }


def _request(campaign: Campaign, contact_id: int, **rest: Any) -> DeliveryRequest:
    return DeliveryRequest(
        cause_kind=CauseKind.CAMPAIGN, cause_id=campaign.pk or 0, cause_month=month_of(campaign), contact_id=contact_id,
        message_id=campaign.message_id, **rest,
    )  # fmt: skip


def launch_campaign(*, campaign_id: int, now: datetime) -> Campaign:
    """Start a draft now, or schedule it.

    Raises:
        CampaignRefused: it is no draft, its message is not ready, nobody is included, or its start has passed.
    """
    with transaction.atomic():
        campaign = Campaign.objects.select_for_update().get(pk=campaign_id)
        if campaign.state != CampaignState.DRAFT:
            raise CampaignRefused(_("Only a draft can be started."))
        if campaign.message.state != MessageState.READY:
            raise CampaignRefused(_("The message has faults: mend them first."))
        if not campaign.include:
            raise CampaignRefused(_("Include at least one segment or list."))
        if campaign.starts_at is not None and campaign.starts_at <= now:
            raise CampaignRefused(_("The start lies in the past."))
        campaign.state, campaign.reason = CampaignState.SCHEDULED, ""
        campaign.updated_at = now
        campaign.save()
        transaction.on_commit(lambda: ring("campaigns"))
    return campaign


def pause_campaign(*, campaign_id: int, reason: str, now: datetime) -> bool:
    """Stop planning and sending; at most the windows that are open go on. Tells whether anything changed."""
    running = (CampaignState.SCHEDULED, CampaignState.PREPARING, CampaignState.SENDING)
    return bool(
        Campaign.objects.filter(pk=campaign_id, state__in=running).update(
            state=CampaignState.PAUSED, reason=reason, updated_at=now
        )
    )


def resume_campaign(*, campaign_id: int, now: datetime) -> Campaign:
    """Go on where it stopped; with a rate, what is left is spread anew.

    Raises:
        CampaignRefused: it is not paused.
    """
    with transaction.atomic():
        campaign = Campaign.objects.select_for_update().get(pk=campaign_id)
        if campaign.state != CampaignState.PAUSED:
            raise CampaignRefused(_("Only a paused campaign can go on."))
        if campaign.started_at is None:
            campaign.state = CampaignState.SCHEDULED
            campaign.starts_at = max(campaign.starts_at, now) if campaign.starts_at else None
        else:
            campaign.state = CampaignState.SENDING if campaign.is_all_planned else CampaignState.PREPARING
            _unpark(campaign, now)
        campaign.reason, campaign.updated_at = "", now
        campaign.save()
        for engine in ("campaigns", "sending"):
            transaction.on_commit(lambda engine=engine: ring(engine))  # type: ignore[misc]
    return campaign


def _unpark(campaign: Campaign, now: datetime) -> None:
    values: dict[str, Any] = {
        "now": now,
        "month": month_of(campaign),
        "campaign": campaign.pk,
        "parked": PARKED,
    }
    with connection.cursor() as cursor:
        if campaign.rate:
            spread: dict[str, Any] = {
                "rate": campaign.rate,
                "period": timedelta(seconds=campaign.rate_seconds),
            }
            cursor.execute(SPREAD, values | spread)
        else:
            cursor.execute(UNPARK, values)


def cancel_campaign(*, campaign_id: int, now: datetime) -> bool:
    """What is not sent yet never will be; the engine marks it. Tells whether anything changed."""
    changed = (
        Campaign.objects.filter(pk=campaign_id)
        .exclude(state__in=ENDED)
        .update(state=CampaignState.CANCELLED, updated_at=now, finished_at=now)
    )
    CampaignAudience.objects.filter(campaign_id=campaign_id).delete()
    if changed:
        transaction.on_commit(lambda: ring("campaigns"))
    return bool(changed)


def read_gates(ids: Collection[int]) -> dict[int, CauseState]:
    """What campaigns say about their deliveries; one that is gone cancels them."""
    gates = {
        CampaignState.PAUSED: Gate.HOLD,
        CampaignState.CANCELLED: Gate.CANCELLED,
        CampaignState.FAILED: Gate.CANCELLED,
    }
    return {
        pk: CauseState(gates.get(CampaignState(state), Gate.OPEN), name)
        for pk, state, name in Campaign.objects.filter(pk__in=ids).values_list("pk", "state", "name")
    }
