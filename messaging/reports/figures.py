"""Counts the figures of one report from deliveries and activity (analytics document, 2 and 3). No figure is kept by hand.

Counts are of sends. Humans only, but where the name says machine. Tests are left out. Measures: A planned and skipped, K
skipped, S accepted by the provider, B bounced after that, D = S - B, O and C sends with a human open or click (a click
implies an open), U and X sends by which somebody unsubscribed or complained.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection

from messaging.bounces.categories import EFFECTS
from messaging.models import SubjectKind

MOST_LINKS = 200
MOST_GROUPS = 20
MOST_COMMENTS = 50
HOURLY = timedelta(hours=72)
SERIES = ("delivered", "opened", "clicked", "unsubscribed", "complained", "failed")
# Deliveries by state; `bounced` is what was accepted and came back.
STATES = """
SELECT d.state, d.reason, count(*), count(*) FILTER (WHERE d.state = 'sent' AND d.failed_at IS NOT NULL),
       count(d.opened_at), count(d.clicked_at), count(d.unsubscribed_at), count(d.complained_at), min(d.sent_at),
       max(d.sent_at)
FROM messaging_delivery d WHERE {deliveries} AND NOT d.is_test GROUP BY d.state, d.reason
"""
TIMES = """
SELECT v.name, CASE WHEN v.at < %s THEN date_trunc('hour', v.at, 'UTC') ELSE date_trunc('day', v.at, 'UTC') END, count(*)
FROM messaging_delivery d CROSS JOIN LATERAL (VALUES
    ('delivered', CASE WHEN d.failed_at IS NULL THEN coalesce(d.delivered_at, d.sent_at) END), ('opened', d.opened_at),
    ('clicked', d.clicked_at), ('unsubscribed', d.unsubscribed_at), ('complained', d.complained_at),
    ('failed', CASE WHEN d.state = 'sent' THEN d.failed_at END)) v (name, at)
WHERE {deliveries} AND NOT d.is_test AND v.at IS NOT NULL GROUP BY 1, 2
"""
LINKS = """
SELECT a.link_id, a.url, count(*) FILTER (WHERE a.machine = ''), count(DISTINCT a.delivery_id) FILTER (WHERE a.machine = ''),
       count(*) FILTER (WHERE a.machine <> '')
FROM {activity} AND a.kind = 'clicked' AND NOT a.is_test AND a.link_id > 0
GROUP BY 1, 2 ORDER BY 4 DESC, 3 DESC, 1, 2 LIMIT %s
"""
TOTALS = """
SELECT a.kind, a.machine, count(*)
FROM {activity} AND a.kind IN ('opened', 'clicked') AND NOT a.is_test GROUP BY 1, 2
"""
MACHINE_ONLY = """
SELECT count(DISTINCT a.delivery_id) FROM {activity_with_delivery}
AND a.kind = 'opened' AND a.machine <> '' AND NOT a.is_test AND d.opened_at IS NULL
"""
ERRORS = """
SELECT a.reason, count(DISTINCT a.delivery_id) FROM {activity_with_delivery}
AND a.kind = 'error' AND NOT a.is_test AND d.failed_at IS NOT NULL GROUP BY 1 ORDER BY 2 DESC LIMIT %s
"""
LEAVING = """
SELECT a.reason, count(DISTINCT a.delivery_id) FROM {activity}
AND a.kind = 'unsubscribed' AND NOT a.is_test GROUP BY 1 ORDER BY 2 DESC LIMIT %s
"""
COMMENTS = """
SELECT a.at, a.details ->> 'comment' FROM {activity}
AND a.kind = 'unsubscribed' AND NOT a.is_test AND a.details ? 'comment' ORDER BY a.at DESC LIMIT %s
"""
GROUPS = """
SELECT {column}, count(*), count(*) FILTER (WHERE d.failed_at IS NULL), count(d.opened_at), count(d.clicked_at)
FROM messaging_delivery d WHERE {deliveries} AND NOT d.is_test AND d.state = 'sent'
GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT %s
"""


@dataclass(frozen=True, slots=True)
class Subject:
    """`cause_month`: of a campaign, the month it was created in; its deliveries lie in that partition."""

    kind: str
    id: int
    cause_month: date | None = None


@dataclass(slots=True)
class Figures:
    """What a report shows. Breakdowns are lists of rows, biggest first; times are ISO texts."""

    audience: int = 0
    waiting: int = 0
    skipped: int = 0
    cancelled: int = 0
    failed: int = 0
    unknown: int = 0
    sent: int = 0
    bounced: int = 0
    delivered: int = 0
    opened: int = 0
    clicked: int = 0
    unsubscribed: int = 0
    complained: int = 0
    opens_total: int = 0
    clicks_total: int = 0
    machine_opens: int = 0
    machine_clicks: int = 0
    machine_only: int = 0
    first_sent_at: str = ""
    last_sent_at: str = ""
    skip_reasons: list[tuple[str, int]] = field(default_factory=list)
    failures: list[tuple[str, int]] = field(default_factory=list)
    bounce_kinds: dict[str, int] = field(default_factory=dict)
    leave_reasons: list[tuple[str, int]] = field(default_factory=list)
    comments: list[tuple[str, str]] = field(default_factory=list)
    links: list[tuple[int, str, int, int, int]] = field(default_factory=list)
    domains: list[tuple[str, int, int, int, int]] = field(default_factory=list)
    languages: list[tuple[str, int, int, int, int]] = field(default_factory=list)
    times: dict[str, dict[str, int]] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Figures":
        """Figures kept by an older program may lack members, or have some that are gone."""
        return cls(**{name: value for name, value in data.items() if name in cls.__slots__})


def count_figures(subject: Subject) -> Figures:
    """Everything of one subject, in ten statements over its own rows."""
    reader = _Reader(subject)
    figures = Figures()
    first_sent = _count_states(reader.rows(STATES), figures)
    edge = (first_sent or datetime.fromisoformat("1970-01-01T00:00:00+00:00")) + HOURLY
    figures.times = _by_time(reader.rows(TIMES, edge, before=True))
    figures.links = [tuple(row) for row in reader.rows(LINKS, MOST_LINKS)]
    for kind, machine, count in reader.rows(TOTALS):
        _add_hits(figures, kind, machine, count)
    figures.machine_only = reader.rows(MACHINE_ONLY)[0][0]
    figures.failures = [tuple(row) for row in reader.rows(ERRORS, MOST_GROUPS)]
    figures.bounce_kinds = _by_kind(figures.failures)
    figures.leave_reasons = [tuple(row) for row in reader.rows(LEAVING, MOST_GROUPS)]
    figures.comments = [(at.isoformat(), text) for at, text in reader.rows(COMMENTS, MOST_COMMENTS)]
    domain = "lower(split_part(d.endpoint, '@', 2))"
    figures.domains = [tuple(row) for row in reader.rows(GROUPS, MOST_GROUPS, column=domain)]
    figures.languages = [tuple(row) for row in reader.rows(GROUPS, MOST_GROUPS, column="d.language")]
    return figures


class _Reader:
    """Runs the statements over one subject's rows. Indexes: the unique key, messaging_delivery_message, …_cause."""

    def __init__(self, subject: Subject) -> None:
        both = "messaging_delivery d JOIN messaging_activity a ON a.delivery_id = d.id AND a.cause_month = d.cause_month"
        if subject.kind == SubjectKind.MESSAGE:
            self.where = "d.message_id = %s"
            self.values: tuple[Any, ...] = (subject.id,)
            self.activity = self.activity_with_delivery = f"{both} WHERE {self.where}"
            self.activity_values: tuple[Any, ...] = self.values
            return
        month = "" if subject.cause_month is None else " AND d.cause_month = %s"
        self.where = f"d.cause_kind = %s AND d.cause_id = %s{month}"
        self.values = (subject.kind, subject.id, *([subject.cause_month] if month else []))
        self.activity = "messaging_activity a WHERE a.cause_kind = %s AND a.cause_id = %s"
        self.activity_with_delivery = f"{both} WHERE a.cause_kind = %s AND a.cause_id = %s"
        self.activity_values = (subject.kind, subject.id)

    def rows(self, sql: str, *more: Any, column: str = "", before: bool = False) -> Sequence[tuple[Any, ...]]:
        values = self.values if "{deliveries}" in sql else self.activity_values
        text = sql.format(
            deliveries=self.where, activity=self.activity, activity_with_delivery=self.activity_with_delivery,
            column=column,
        )  # fmt: skip
        with connection.cursor() as cursor:
            cursor.execute(text, [*more, *values] if before else [*values, *more])
            return list(cursor.fetchall())


def _count_states(rows: Sequence[tuple[Any, ...]], figures: Figures) -> datetime | None:
    """Fill the counts by state; returns when the first was sent."""
    skips: Counter[str] = Counter()
    firsts, lasts = [], []
    for state, reason, count, bounced, opened, clicked, left, complained, first, last in rows:
        figures.audience += count
        if state == "skipped":
            skips[reason] += count
        name = state if state in ("skipped", "cancelled", "failed", "unknown", "sent") else "waiting"
        setattr(figures, name, getattr(figures, name) + count)
        figures.bounced += bounced
        figures.opened += opened
        figures.clicked += clicked
        figures.unsubscribed += left
        figures.complained += complained
        firsts += [first] if first else []
        lasts += [last] if last else []
    figures.delivered = figures.sent - figures.bounced
    figures.skip_reasons = skips.most_common()
    figures.first_sent_at = min(firsts).isoformat() if firsts else ""
    figures.last_sent_at = max(lasts).isoformat() if lasts else ""
    return min(firsts) if firsts else None


def _by_time(rows: Sequence[tuple[Any, ...]]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for name, at, count in rows:
        found[at.isoformat()][name] = count
    return dict(sorted(found.items()))


def _add_hits(figures: Figures, kind: str, machine: str, count: int) -> None:
    if kind == "opened" and machine:
        figures.machine_opens += count
    elif kind == "opened":
        figures.opens_total = count
    elif machine:
        figures.machine_clicks += count
    else:
        figures.clicks_total = count


def _by_kind(failures: Sequence[tuple[str, int]]) -> dict[str, int]:
    """Hard, soft, message, block; what is none of them is `other`."""
    found: Counter[str] = Counter()
    for reason, count in failures:
        effect = EFFECTS.get(reason)
        found[effect.kind if effect else "other"] += count
    return dict(found)
