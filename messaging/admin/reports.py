"""The report of a campaign or a message, and the people behind its figures."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path, reverse
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from cdp.models import Account
from cdp.ui.admin import Empty, ReadOnlyAdmin
from cdp.ui.charts import Chart, Series
from cdp.ui.formatting import moment
from cdp.ui.keyset import read_page
from contacts.models import Contact
from messaging.models import Campaign, Link, Message, MessageReport, SubjectKind
from messaging.reports.figures import HOURLY, Figures, Subject
from messaging.reports.indicators import indicators_of, leave_reasons, percent
from messaging.reports.keeping import cause_month, read_report
from messaging.reports.people import FIGURES, people_behind, time_column
from messaging.wording import why_not

SEE_CONTACTS = "contacts.view_contact"
SEE_PERSONAL = "contacts.view_personal_data"
PAGE = 50
HOUR = timedelta(hours=1)
TOP_LINKS = 10
SETTLING = HOURLY  # bounces still come in for so long after the last send


@admin.register(MessageReport)
class MessageReportAdmin(ReadOnlyAdmin):
    """The list shows reports that were counted lately; each is a page of its own."""

    list_display = ("subject", "counted")
    ordering = ("-pk",)
    empty = Empty(
        gettext_lazy("No reports yet"),
        gettext_lazy("A campaign or message has one as soon as something was sent."),
        "monitoring",
        ((gettext_lazy("Open campaigns"), "admin:messaging_campaign_changelist", "messaging.view_campaign"),),
    )

    def get_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        own = [
            path("<str:kind>/<int:number>/", wrap(self.report), name="messaging_report"),
            path("<str:kind>/<int:number>/people/", wrap(self.people), name="messaging_report_people"),
        ]
        return [*own, *super().get_urls()]

    def prepare_rows(self, request: HttpRequest, rows: list[MessageReport]) -> None:
        models: dict[str, Any] = {SubjectKind.CAMPAIGN: Campaign, SubjectKind.MESSAGE: Message}
        names = {
            kind: dict(
                model.objects.filter(pk__in=[row.subject_id for row in rows if row.subject_kind == kind])
                .values_list("pk", "name")
            )
            for kind, model in models.items()
        }  # fmt: skip
        for row in rows:
            row.name = names[row.subject_kind].get(row.subject_id, str(row.subject_id))  # type: ignore[attr-defined]

    @admin.display(description=gettext_lazy("Report"))
    def subject(self, report: Any) -> SafeString:
        return format_html(
            '<span class="ui-strong">{}</span><br><span class="ui-meta">{}</span>', report.name,
            report.get_subject_kind_display(),
        )  # fmt: skip

    @admin.display(description=gettext_lazy("Counted"))
    def counted(self, report: Any) -> SafeString:
        return moment(report.computed_at)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> Any:
        report = MessageReport.objects.filter(pk=object_id).first() if object_id.isdecimal() else None
        if report is None:
            raise Http404(object_id)
        return self.report(request, report.subject_kind, report.subject_id)

    def report(self, request: HttpRequest, kind: str, number: int) -> HttpResponse:
        """Figures, charts and breakdowns: one row of figures, so the page costs the same for any size."""
        subject = self._subject(request, kind, number)
        now = timezone.now()
        figures, report = read_report(kind, number, now=now)
        user: Any = request.user
        people = (
            reverse("admin:messaging_report_people", args=[kind, number])
            if user.has_perm(SEE_CONTACTS)
            else ""
        )
        zone = Account.objects.get(pk=1).time_zone
        context = {
            "title": subject.name, "subject": subject, "kind": kind, "figures": figures, "report": report,
            "people": people, "indicators": indicators_of(figures), "tiles": tiles_of(figures),
            "chart_pair": [by_delivery(figures, zone), by_reaction(figures, zone)],
            "chart_links": by_link(figures, people), "links": placed(link_rows(figures)),
            "domains": figures.domains, "languages": figures.languages, "reasons": leave_reasons(figures),
            "comments": comments_of(figures) if user.has_perm(SEE_PERSONAL) else [],
            "is_settling": is_settling(figures, now), "state": getattr(subject, "state", ""),
        }  # fmt: skip
        return self._page(request, "messaging/reports/report.html", context)

    def people(self, request: HttpRequest, kind: str, number: int) -> HttpResponse:
        """The contacts a figure counts, paged by key."""
        user: Any = request.user
        if not user.has_perm(SEE_CONTACTS):
            raise PermissionDenied(SEE_CONTACTS)
        named = self._subject(request, kind, number)
        figure, link = request.GET.get("figure", "all"), request.GET.get("link", "")
        if figure not in FIGURES or (link and not link.isdecimal()):
            raise Http404(figure)
        found = people_behind(
            Subject(kind, number, cause_month(kind, number)), figure,
            reason=request.GET.get("reason"), link_id=int(link) if link else None,
        )  # fmt: skip
        page = read_page(
            found,
            order=("-id",),
            size=PAGE,
            after=request.GET.get("after", ""),
            before=request.GET.get("before", ""),
        )
        contacts = Contact.objects.only("pk", "first_name", "last_name", "email", "phone").in_bulk(
            [row.contact_id for row in page.rows]
        )
        query = request.GET.copy()
        for name in ("after", "before"):
            query.pop(name, None)
        label = next((row.label for row in indicators_of(Figures()) if row.figure == figure), figure)
        at = time_column(figure)
        rows = [
            (row, contacts.get(row.contact_id), getattr(row, at), why_not(row.reason)) for row in page.rows
        ]
        context = {
            "title": f"{named.name}: {label}", "rows": rows, "page": page, "query": query.urlencode(),
            "back": reverse("admin:messaging_report", args=[kind, number]), "may_see": user.has_perm(SEE_PERSONAL),
        }  # fmt: skip
        return self._page(request, "messaging/reports/people.html", context)

    def _subject(self, request: HttpRequest, kind: str, number: int) -> Any:
        if not self.has_view_permission(request):
            raise PermissionDenied
        models: dict[str, Any] = {SubjectKind.CAMPAIGN: Campaign, SubjectKind.MESSAGE: Message}
        found = models[kind].objects.filter(pk=number).first() if kind in models else None
        if found is None:
            raise Http404(f"{kind} {number}")
        return found

    def _page(self, request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
        request.current_app = self.admin_site.name  # type: ignore[attr-defined]
        return render(
            request, template, self.admin_site.each_context(request) | {"opts": self.opts} | context
        )


def tiles_of(figures: Figures) -> list[tuple[str, str, str]]:
    """(label, rate, numerator and denominator)."""
    rates = (
        (_("Delivered"), figures.delivered, figures.sent),
        (_("Human opens"), figures.opened, figures.delivered),
        (_("Clicks"), figures.clicked, figures.delivered),
        (_("Unsubscribed"), figures.unsubscribed, figures.delivered),
        (_("Complaints"), figures.complained, figures.delivered),
    )
    return [(label, percent(count, of), f"{count} / {of}") for label, count, of in rates]


def by_delivery(figures: Figures, zone: str) -> Chart:
    names = (("delivered", _("Delivered")), ("failed", _("Undelivered")))
    return _by_time(figures, zone, _("When was it delivered?"), names)


def by_reaction(figures: Figures, zone: str) -> Chart:
    names = (("opened", _("Opened")), ("clicked", _("Clicked")), ("unsubscribed", _("Unsubscribed")),
             ("complained", _("Complaints")))  # fmt: skip
    return _by_time(figures, zone, _("When do people react?"), names)


def _by_time(figures: Figures, zone: str, title: str, names: Sequence[tuple[str, str]]) -> Chart:
    used = [(key, name) for key, name in names if any(key in counts for counts in figures.times.values())]
    times = filled(
        {at: counts for at, counts in figures.times.items() if any(key in counts for key, _name in used)}
    )
    series = [Series(name, [counts.get(key, 0) for counts in times.values()]) for key, name in used]
    return Chart(
        title, [local(at, zone) for at in times], series, unit=_("sends"),
        note=_(
            "By the hour for 72 hours after the first was sent, by the day after that. First open and click of each send, "
            "by event date."
        ),
    )  # fmt: skip


def filled(times: Mapping[str, Mapping[str, int]]) -> dict[datetime, Mapping[str, int]]:
    """The counts by time, with the hours in which nothing was, between the first and the last of the first three days."""
    found: dict[datetime, Mapping[str, int]] = {
        datetime.fromisoformat(at): counts for at, counts in times.items()
    }
    if not found:
        return {}
    first = min(found)
    hourly = [at for at in found if at - first < HOURLY]
    hours = int((max(hourly) - first) / HOUR)
    around = (-1, 2) if len(found) == 1 else (0, hours)  # one alone would be a dot
    return dict(sorted(({first + HOUR * hour: {} for hour in range(*around)} | found).items()))


def local(at: datetime, zone: str) -> str:
    return formats.date_format(at.astimezone(ZoneInfo(zone)), pgettext("date format", "j M, H:i"))


def by_link(figures: Figures, people: str) -> Chart:
    """Clicks by address, the same address in several languages or places together; a link alone opens its people."""
    counts: Counter[str] = Counter()
    ids: dict[str, list[int]] = defaultdict(list)
    for row in link_rows(figures):
        counts[str(row["url"])] += row["total"]
        ids[str(row["url"])].append(row["id"])
    rows = counts.most_common(TOP_LINKS)
    doors = [
        f"{people}?figure=clicked&link={ids[url][0]}" if people and len(ids[url]) == 1 else ""
        for url, _n in rows
    ]
    return Chart(
        _("Which links are followed?"), [shortened(url) for url, _n in rows],
        [Series(_("Clicks"), [count for _url, count in rows])], unit=_("clicks"), kind="bar", links=doors,
        note=_("All clicks of humans; the same address in several languages or places counts together."),
    )  # fmt: skip


def link_rows(figures: Figures) -> list[dict[str, Any]]:
    return [
        {"id": link_id, "url": plain(url) or _("no address any more"), "total": total, "unique": unique, "machine": machine,
         "share": percent(unique, figures.clicked)}
        for link_id, url, total, unique, machine in figures.links
    ]  # fmt: skip


def placed(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same address stands in several languages and places: with where each is, by one query."""
    links = Link.objects.filter(pk__in=[row["id"] for row in rows])
    found = {
        pk: (language, number + 1) for pk, language, number in links.values_list("pk", "language", "number")
    }
    return [
        row | dict(zip(("language", "place"), found.get(row["id"], ("", "")), strict=True)) for row in rows
    ]


def plain(url: str) -> str:
    """The address without what our own tracking adds: `utm_…`."""
    parts = urlsplit(url)
    kept = [part for part in parts.query.split("&") if part and not part.startswith("utm_")]
    return parts._replace(query="&".join(kept)).geturl()


def shortened(url: str) -> str:
    """Without scheme and what tracking adds, at most 60 characters."""
    text = (url.partition("://")[2] or url).partition("?")[0]
    return text if len(text) <= 60 else f"{text[:59]}…"


def comments_of(figures: Figures) -> list[tuple[datetime, str]]:
    return [(datetime.fromisoformat(at), text) for at, text in figures.comments]


def is_settling(figures: Figures, now: datetime) -> bool:
    """Whether bounces may still change the figures."""
    return bool(figures.last_sent_at) and now - datetime.fromisoformat(figures.last_sent_at) < SETTLING
