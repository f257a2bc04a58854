"""What the form of a connection and `EMAIL_URL` take for each provider, and what they refuse."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from messaging.admin.connection_form import ConnectionForm
from messaging.channels.email import providers
from messaging.channels.interface import registry
from messaging.secrets import decrypt
from messaging.services.connections import access_of, read_email_url
from tests.messaging.webhooks import API_KEY

pytestmark = pytest.mark.django_db
ALL_OF_THEM = {"region": "eu", "sender_domain": "mg.shop.example", "api_key": "public", "project_id": "p1",
        "api_url": "https://postal.shop.example/api/v1"}  # fmt: skip


def filled(**values) -> ConnectionForm:
    data = {"name": "esp", "kind": "anymail", "provider": "postmark", "pool_size": 1, "new_secret": API_KEY}
    return ConnectionForm(data | values)


@pytest.mark.parametrize("name", sorted(providers.PROVIDERS))
def test_what_the_form_takes_is_enough_for_the_provider_and_no_more(name):
    about = providers.PROVIDERS[name]
    own = ALL_OF_THEM | ({"region": "go1"} if name == "unisender_go" else {})
    form = filled(provider=name, **own)
    assert form.is_valid(), form.errors
    made = form.save()
    kept = {key: own[key] for key in (*about.needs, *about.takes)}
    assert made.options == {"provider": name} | kept
    assert registry["anymail"].verify(access_of(made)).is_good
    short = filled(provider=name, name="another")
    assert set(short.errors) == set(about.needs)


@pytest.mark.parametrize(
    ("values", "field", "words"),
    [
        ({"new_secret": ""}, "new_secret", "Enter the key"),
        ({"provider": ""}, "provider", "Use one of brevo, mailersend"),
        ({"provider": "mailgun", "region": "mars"}, "region", "Use one of eu"),
        ({"provider": "postal", "api_url": "http://10.0.0.1/"}, "api_url", "https://"),
    ],
)
def test_what_a_provider_lacks_is_said_at_its_field(values, field, words):
    form = filled(**values)
    assert words in str(form.errors[field])
    assert list(form.errors) == [field]


def test_a_stored_key_need_not_be_entered_again():
    form = filled()
    made = form.save()
    again = ConnectionForm(form.data | {"new_secret": "", "name": "other"}, instance=made)
    assert again.is_valid(), again.errors
    assert decrypt(again.save().secret) == API_KEY


@pytest.mark.parametrize(
    "change",
    [
        {"provider": "brevo"},
        {"provider": "postal", "api_url": "https://postal.evil.example/api/v1"},
        {"kind": "smtp", "host": "mail.example"},
    ],
)
def test_no_provider_is_shown_the_key_of_another(change):
    postal = {"provider": "postal", "api_url": "https://postal.shop.example/api/v1"}
    made = (filled(kind="smtp", host="mail.example") if "host" in change else filled(**postal)).save()
    wanted = {"provider": "brevo"} if "host" in change else change
    again = filled(**postal | wanted | {"new_secret": "", "name": "other"})
    form = ConnectionForm(again.data, instance=made)
    assert list(form.errors) == ["new_secret"]
    form = ConnectionForm(again.data | {"new_secret": "another"}, instance=made)
    assert form.is_valid(), form.errors
    assert decrypt(form.save().secret) == "another"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("anymail+postmark://", "the provider's key is missing"),
        ("anymail+amazon-ses://key@", "provider: Use one of"),
        ("anymail+scaleway://key@", "project_id: This provider needs it"),
    ],
)
def test_an_email_url_that_lacks_something_is_refused(url, words):
    with pytest.raises(ImproperlyConfigured, match=words) as caught:
        read_email_url(url)
    assert "key@" not in str(caught.value)


def test_an_email_url_of_a_provider():
    options = {"provider": "scaleway", "project_id": "p1"}
    assert read_email_url("anymail+scaleway://key@?project_id=p1") == ("anymail", options, "key")


def test_the_form_of_a_connection_names_the_brands(admin_client):
    page = admin_client.get("/admin/messaging/connection/add/").content.decode()
    assert all(f">{about.name}<" in page for about in providers.PROVIDERS.values())
