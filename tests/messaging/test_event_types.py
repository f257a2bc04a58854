"""What happens to messages has its event types; the history says where the events are."""

import pytest

from events.models import EventType
from messaging.event_types import KINDS

pytestmark = pytest.mark.django_db


def test_it_works(client, admin_user) -> None:
    client.force_login(admin_user)
    kind = EventType.objects.get(key="messageRead")
    page = client.get(f"/admin/events/event/?type={kind.pk}").content.decode()
    assert "is kept with the messages" in page
    assert "/admin/messaging/messagereport/" in page


def test_types_of_the_history_itself_say_nothing(client, admin_user) -> None:
    client.force_login(admin_user)
    kind = EventType.objects.get(key="FormSubmitted")
    assert (
        "is kept with the messages" not in client.get(f"/admin/events/event/?type={kind.pk}").content.decode()
    )


def test_every_kind_has_a_type_the_product_made() -> None:
    assert EventType.objects.filter(key__in=KINDS, origin="system").count() == len(KINDS)
