"""The one place with formulas: indicators of a report, each with what it is divided by (analytics document, 2)."""

from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from messaging.models import Reason, UnsubscribeReason
from messaging.reports.figures import Figures
from messaging.wording import OF_FAILURE

FEW = 100  # a rate over fewer sends is drawn grey


@dataclass(frozen=True, slots=True)
class Part:
    """One reason of an indicator, with its door."""

    label: str
    count: int
    query: str = ""


@dataclass(frozen=True, slots=True)
class Indicator:
    """A count, the count it is a share of, and its parts. `figure` names the door to the people; empty: none."""

    key: str
    label: str
    count: int
    of: int | None = None
    of_label: str = ""
    figure: str = ""
    hint: str = ""
    parts: tuple[Part, ...] = field(default_factory=tuple)

    @property
    def rate(self) -> str:
        return percent(self.count, self.of)

    @property
    def explained(self) -> str:
        """Numerator and denominator, for the hover."""
        return "" if self.of is None else f"{self.count} / {self.of} {self.of_label}"

    @property
    def is_few(self) -> bool:
        return self.of is not None and self.of < FEW

    @property
    def width(self) -> int:
        """Percent, for the bar."""
        return min(100, round(100 * self.count / self.of)) if self.of else 0


def percent(count: int, of: int | None) -> str:
    """One decimal; a dash for no denominator, `< 0.1 %` rather than nothing."""
    if not of:
        return "—"
    share = 100 * count / of
    if 0 < share < 0.1:
        return "< 0.1 %"
    return f"{share:.1f} %"


def indicators_of(figures: Figures) -> list[Indicator]:
    """Rows of the table of indicators."""
    sent, delivered = _("sent"), _("delivered")
    rows = [
        Indicator("audience", _("Audience"), figures.audience, figure="all"),
        Indicator(
            "skipped", _("Skipped"), figures.skipped, figures.audience, _("of the audience"), "skipped",
            _("Not sent by our rules."), _parts("skipped", figures.skip_reasons, dict(Reason.choices)),
        ),
        Indicator("sent", _("Sent"), figures.sent, figures.audience, _("of the audience"), "sent"),
        Indicator("delivered", _("Delivered"), figures.delivered, figures.sent, sent, "delivered"),
        Indicator(
            "bounced", _("Undelivered"), figures.bounced, figures.sent, sent, "bounced",
            _("Accepted by the provider and returned."), _parts("bounced", figures.failures, OF_FAILURE),
        ),
        Indicator("failed", _("Refused"), figures.failed, figures.audience, _("of the audience"), "failed",
                  _("Refused at hand-over, or could not be rendered.")),
        Indicator("opened", _("Opened"), figures.opened, figures.delivered, delivered, "opened",
                  _("By a human; a click counts as an open.")),
        Indicator("clicked", _("Clicked"), figures.clicked, figures.delivered, delivered, "clicked"),
        Indicator("ctor", _("Clicked of opened"), figures.clicked, figures.opened, _("opened")),
        Indicator("unsubscribed", _("Unsubscribed"), figures.unsubscribed, figures.delivered, delivered, "unsubscribed"),
        Indicator("complained", _("Complaints"), figures.complained, figures.delivered, delivered, "complained"),
        Indicator("machine", _("Opened by machines only"), figures.machine_only, figures.delivered, delivered, "",
                  _("Privacy proxies and scanners; no part of the opens above.")),
    ]  # fmt: skip
    optional = (
        Indicator("waiting", _("Not sent yet"), figures.waiting, figures.audience, _("of the audience"), "waiting"),
        Indicator(
            "unknown", _("Unknown outcome"), figures.unknown, figures.audience, _("of the audience"), "unknown",
            _("The line died while sending. They are never sent twice."),
        ),
        Indicator("cancelled", _("Cancelled"), figures.cancelled, figures.audience, _("of the audience"), "cancelled"),
    )  # fmt: skip
    return rows + [row for row in optional if row.count]


def leave_reasons(figures: Figures) -> list[Part]:
    """Why people left; those who gave no reason are not listed."""
    return list(
        _parts("unsubscribed", [r for r in figures.leave_reasons if r[0]], dict(UnsubscribeReason.choices))
    )


def _parts(figure: str, rows: list[Any], labels: dict[Any, Any]) -> tuple[Part, ...]:
    return tuple(
        Part(
            str(labels.get(reason, reason or _("No reason given"))), count, f"figure={figure}&reason={reason}"
        )
        for reason, count in rows
    )
