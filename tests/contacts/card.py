"""What tests of the card share: pressing its buttons and reading what it says."""

from contacts.models import (
    Address,
    ContactAudit,
)

CARD = "/admin/contacts/contact/{}/"
ADDRESS = "e1@example.com"


def act(client, person, action, **values):
    return client.post(f"{CARD.format(person)}do/{action}/", values, follow=True)


def card(client, person):
    return client.get(f"{CARD.format(person)}change/").text


def status(value=ADDRESS):
    return Address.objects.get(value=value).status


def acts(person):
    return list(ContactAudit.objects.filter(contact_id=person).order_by("pk").values_list("action", "actor"))


def launch(client, person, **values):
    return client.post(f"/admin/workflows/workflow/contact/{person}/launch/", values)


def send_test(client, person, **values):
    return client.post(f"/admin/messaging/message/contact/{person}/test/", values)
