"""System event types over message activity: stored once, in `messaging_activity`; the registry names them."""

from django.utils.translation import gettext_lazy

from events import elsewhere
from messaging.models import ActivityKind

KINDS: dict[str, ActivityKind] = {
    "messageSent": ActivityKind.SENT,
    "messageDelivered": ActivityKind.DELIVERED,
    "messageUndelivered": ActivityKind.ERROR,
    "messageRead": ActivityKind.OPENED,
    "messageClicked": ActivityKind.CLICKED,
    "messageUnsubscribed": ActivityKind.UNSUBSCRIBED,
    "messageSpam": ActivityKind.SPAM,
}


def register_all() -> None:
    place = elsewhere.Elsewhere(
        gettext_lazy(
            "What happens to messages is kept with the messages, not here: in their reports, on the contact's card, and in the "
            "segment condition about messages."
        ),
        "admin:messaging_messagereport_changelist",
        "messaging.view_messagereport",
    )
    elsewhere.register(KINDS, place)
