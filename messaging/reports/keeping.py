"""Keeps figures fresh: marks what changed, counts it anew soon after; a count that takes long is made less often."""

import time
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from django.db import connection, transaction

from messaging.models import Campaign, MessageReport, ReportMark, SubjectKind
from messaging.reports.figures import Figures, Subject, count_figures

LEAST_SECONDS = 5.0
SHARE = 20  # of the time, at most one part in so many is spent on counting one subject
STALE = timedelta(seconds=30)
MOST_SUBJECTS = 10
MARK = """
INSERT INTO messaging_reportmark (subject_kind, subject_id, at)
SELECT DISTINCT kind, id, %s::timestamptz FROM unnest(%s::text[], %s::bigint[]) AS u (kind, id)
"""
DUE = """
SELECT DISTINCT m.subject_kind, m.subject_id FROM messaging_reportmark m
LEFT JOIN messaging_messagereport r ON r.subject_kind = m.subject_kind AND r.subject_id = m.subject_id
WHERE r.id IS NULL OR r.computed_at + greatest(%s, %s * r.seconds) * interval '1 second' <= %s
LIMIT %s
"""


def mark_subjects(subjects: Iterable[tuple[str, int]], *, now: datetime) -> None:
    """Note that figures changed; in the caller's transaction, one insert."""
    found = sorted(set(subjects))
    if found:
        with connection.cursor() as cursor:
            cursor.execute(MARK, [now, [kind for kind, _ in found], [number for _, number in found]])


def count_marked(*, now: datetime) -> int:
    """Count the subjects that are due; returns how many."""
    with connection.cursor() as cursor:
        cursor.execute(DUE, [LEAST_SECONDS, SHARE, now, MOST_SUBJECTS])
        due = cursor.fetchall()
    for kind, number in due:
        count_report(kind, number, now=now)
    return len(due)


def count_report(kind: str, number: int, *, now: datetime) -> MessageReport:
    """Count one subject anew and keep the figures."""
    started = time.monotonic()
    with transaction.atomic():
        ReportMark.objects.filter(subject_kind=kind, subject_id=number).delete()  # marks that come later stay
        figures = count_figures(Subject(kind, number, cause_month(kind, number)))
        report, _made = MessageReport.objects.update_or_create(
            subject_kind=kind, subject_id=number,
            defaults={
                "figures": figures.as_json(), "computed_at": now, "seconds": round(time.monotonic() - started, 3),
            },
        )  # fmt: skip
    return report


def read_report(kind: str, number: int, *, now: datetime) -> tuple[Figures, MessageReport]:
    """The kept figures; counted now when there are none, asked for anew when they are stale."""
    report = MessageReport.objects.filter(subject_kind=kind, subject_id=number).first()
    if report is None:
        report = count_report(kind, number, now=now)
    elif now - report.computed_at > STALE:
        mark_subjects([(kind, number)], now=now)
    return Figures.from_json(report.figures), report


def cause_month(kind: str, number: int) -> date | None:
    """The partition of a campaign's deliveries: the month it was created in; None for a message."""
    if kind != SubjectKind.CAMPAIGN:
        return None
    created_at = Campaign.objects.filter(pk=number).values_list("created_at", flat=True).first()
    return created_at.astimezone(UTC).date().replace(day=1) if created_at else None
