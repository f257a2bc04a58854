"""The pages that are visited, by group. Words in braces are filled in by `addresses`."""

from datetime import UTC, datetime, timedelta
from urllib.parse import quote

LIST = "contacts/contact/"
CARD = "contacts/contact/{busy}/"
ACTIVITY = f"{CARD}activity/"
VIEWS = ("all", "new", "email-active", "email-unconfirmed", "email-unsubscribed", "email-spam", "email-blacklisted",
         "phone-active", "phone-blacklisted", "deleted")  # fmt: skip
STATES = ("active", "unconfirmed", "unsubscribed", "spam", "blocked", "blacklisted")
SEARCHES = (
    "id:777", "id:999999999", "extid:A-777", "extid:none", "person777@example.com", "nobody@example.com", "380500000778",
    "380999999999", "Koval777", "koval", "Olena Koval", "ol", "zq", "77", "nobody-at-all", "person77", "A-7777", "Ann Reed7",
    "Ann Koval7",
)  # fmt: skip
FILTERS = (
    *(f"email={word}" for word in ("none", "any", *STATES, "spam,blacklisted,unsubscribed")),
    *(f"phone={word}" for word in ("none", "any", *STATES)),
    *(f"push={word}" for word in ("none", "any", "mobile", "web", "telegram")),
    *(f"{name}={{{size}}}" for name in ("list", "nolist") for size in ("big_list", "small_list", "no_list")),
    *(f"{name}={{{size}}}" for name in ("segment", "nosegment") for size in ("few", "many")),
    *(f"source={word}" for word in ("api", "import", "widget", "manual", "import,widget")),
    *(f"language={word}" for word in ("uk", "pl", "de", "none")),
    *(f"zone={word}" for word in ("Europe/Kyiv", "Europe/Warsaw", "Europe/London", "none")),
    "created_from=2020-01-01", "created_to=2020-01-01", "created_from={day}&created_to={day}", "created_from={day}",
    "created_to={day}", "updated_from={day}", "updated_to={day}", "updated_from={day}&updated_to={day}",
    *(f"{way}={name}" for way in ("filled", "empty")
      for name in ("email", "phone", "external_id", "contact_key", "first_name", "town", "region", "language", "time_zone",
                   "field.{company}", "field.{comment}")),
    "empty=phone,language", "filled=phone,town",
)  # fmt: skip
# Pairs and threes. Of those marked in MEETLESS no contact fits both, though many fit each.
MEETLESS = (
    "language=pl&phone=none", "language=en&phone=any", "source=import&phone=none", "language=pl&list={big_list}",
    "email=unsubscribed&phone=none", "list={big_list}&push=none", "zone=Europe/Warsaw&phone=none", "segment={many}&phone=any",
    "list={big_list}&language=pl&phone=any", "q=koval&language=pl&phone=none", "email=unconfirmed&push=web&phone=any",
)  # fmt: skip
PAIRS = (
    "email=active&language=uk", "email=active&phone=none", "email=unsubscribed&list={big_list}", "source=import&language=en",
    "source=widget&email=active", "list={small_list}&email=active", "list={big_list}&nolist={small_list}", "push=web&language=pl",
    "email=any&phone=none", "created_from={day}&source=widget", "updated_to={day}&language=de", "q=koval&language=uk",
    "q=koval&email=unsubscribed", "zone=Europe/Warsaw&language=none&email=active", "empty=phone&source=widget",
    "segment={many}&language=uk", "segment={few}&email=active", "push=telegram&phone=any",
    "email=spam&list={big_list}&language=uk",
)  # fmt: skip
DEEP = (
    "after={deep}", "before={deep}", "email=unsubscribed&after={deep}", "view=email-unsubscribed&after={deep}",
    "language=pl&after={deep}", "list={big_list}&after={deep}", "q=koval&after={deep}", "email=spam&after={deep}",
    "segment={many}&after={deep}", "sort=created&after={deep_created}", "sort=created&source=import&after={deep_created}",
    "view=deleted&after={deep}", "after={last}",
)  # fmt: skip
ORDERS = tuple(f"{words}sort={order}" for words in ("", "email=unsubscribed&", "source=widget&", "view=deleted&", "language=de&")
               for order in ("changed-first", "created", "created-first"))  # fmt: skip
TIMELINE = (
    "", *(f"period={word}" for word in ("1", "7", "365", "all", "own&from=2020-01-01", "own&from={day}&to={day}")),
    *(f"kind={kind}&period=all" for kind in ("messages", "events", "orders", "workflows", "contact")),
    *(f"channel={word}&period=all" for word in ("email", "sms", "mobile", "web", "telegram")),
    *(f"status=messages:{word}&period=all" for word in ("delivered", "opened", "clicked", "undelivered", "unsubscribed", "spam",
                                                         "sent", "skipped", "failed")),
    *(f"status=orders:{word}&kind=orders&period=all" for word in ("INITIALIZED", "DELIVERED", "CANCELLED")),
    *(f"status=workflows:{word}&period=all" for word in ("waiting", "running", "completed", "failed")),
    *(f"status=contact:{word}&period=all" for word in ("created", "identifier", "choice", "address", "merge", "act")),
    "period=all&q=Size type 2", "period=all&q=nothing at all", "kind=events&period=all&q=Size type 2",
    "period=all&before={moment}", "kind=orders&before={moment}", "kind=messages&period=all&before={moment}",
)  # fmt: skip
OTHERS = (
    "", f"{LIST}panel/filters/", "contacts/contactjob/", "jobs/tray/", "contacts/contactlist/", "contacts/contactlist/?q=List 7",
    "events/eventtype/", "events/eventtype/?view=silent", "events/event/", "events/event/?period=30d",
    "events/event/?type={type}&period=30d", "events/event/?q=id:1&period=30d", "events/event/?q=person777@example.com&period=30d",
    "events/event/?q=A-4242&period=30d", "events/event/?q=no-such-key&period=30d", "events/event/?period=own&from=2020-01-01",
    "events/event/live/", "cdp/enginestate/",
)  # fmt: skip
GROUPS = {
    "search": tuple(f"{LIST}?q={quote(words)}" for words in SEARCHES),
    "views": tuple(f"{LIST}?view={view}" for view in VIEWS),
    "filters": tuple(f"{LIST}?{words}" for words in FILTERS),
    "pairs": tuple(f"{LIST}?{words}" for words in PAIRS),
    "meetless": tuple(f"{LIST}?{words}" for words in MEETLESS),
    "deep": tuple(f"{LIST}?{words}" for words in DEEP),
    "orders": tuple(f"{LIST}?{words}" for words in ORDERS),
    "card": ("contacts/contact/2/change/", f"{CARD}change/", "contacts/contact/2/activity/", "contacts/contact/2/identity/",
             f"{CARD}identity/"),
    "timeline": tuple(f"{ACTIVITY}?{words}" for words in TIMELINE),
    "others": OTHERS,
}  # fmt: skip


def addresses(groups: list[str]) -> list[tuple[str, str]]:
    """(group, address) of every page, with ids and cursors of this database."""
    from cdp.ui.keyset import write_cursor
    from contacts.models import Contact, ContactField, ContactList
    from events.models import EventType
    from segments.models import Segment

    lists = list(ContactList.objects.order_by("pk").values_list("pk", flat=True)[:5])
    rows = Contact.objects.active().order_by("updated_at", "pk")
    half = rows.filter(updated_at__gte=_middle(rows, "updated_at")).first()
    made = Contact.objects.active().order_by("created_at", "pk")
    named = {
        "type": EventType.objects.values_list("pk", flat=True).get(key="sizeType3"),
        "busy": 1, "big_list": lists[0], "small_list": lists[3], "no_list": lists[4],
        "day": (datetime.now(UTC) - timedelta(days=150)).date().isoformat(),
        "moment": quote((datetime.now(UTC) - timedelta(days=90)).isoformat()) + "~0",
        "deep": write_cursor(half, ["updated_at", "id"]), "last": write_cursor(rows.first(), ["updated_at", "id"]),
        "deep_created": write_cursor(made.filter(created_at__gte=_middle(made, "created_at")).first(), ["created_at", "id"]),
        **{name.lower(): pk for name, pk in Segment.objects.values_list("name", "pk")},
        **{key.lower(): pk for key, pk in ContactField.objects.values_list("key", "pk")},
    }  # fmt: skip
    return [(group, page.format(**named)) for group in groups for page in GROUPS[group]]


def _middle(rows: object, column: str) -> datetime:
    first, last = (getattr(rows, way)() for way in ("first", "last"))
    return getattr(first, column) + (getattr(last, column) - getattr(first, column)) / 2
