"""Texts of messages: compiled with located faults, rendered within limits, links and footers as the law wants them."""

from datetime import date

import pytest

from messaging.models import Link, Message
from messaging.rendering.compilation import compile_language
from messaging.rendering.faults import Aborted, RenderError
from messaging.rendering.revisions import prepare_revision, render
from messaging.rendering.values import Recipient, load_contacts, nobody, read_field_names
from messaging.services.content import save_message
from messaging.tracking.tokens import TRAP_LINK, TokenKind, read_token
from tests.contacts.people import NOW
from tests.messaging.mail import message, person

FIELDS = {"FIRSTNAME": "contact.first_name"}
MJML = "<mjml><mj-body>\n<mj-section><mj-column>\n%s\n</mj-column></mj-section></mj-body></mjml>"


def compiled(source: str, form: str = "html", **rest):
    content = {"subject": "s", "preheader": "", "format": form, "source": source, "text": ""} | rest
    return compile_language(content, language="en", fields=FIELDS, utm={})


def faults(source: str, form: str = "html", **rest) -> list[str]:
    return [str(fault) for fault in compiled(source, form, **rest)[1]]


def rendered(
    source: str, *, context=None, contact=None, form="html", language="en", transactional=False, **rest
):
    saved = message(source, form=form, is_transactional=transactional, **rest)
    prepared = prepare_revision(saved.revision_id)
    names = read_field_names()
    values = load_contacts([contact], names)[contact] if contact else nobody("a@example.com", names)
    recipient = Recipient(
        delivery_id=7, cause_month=date(2026, 3, 1), address="a@example.com", contact=values, context=context or {},
        language=language, time_zone="Europe/Kyiv", is_transactional=transactional,
    )  # fmt: skip
    return render(prepared, recipient, {"sender": {}, "message": {}, "campaign": {}}, now=NOW)


@pytest.mark.django_db
def test_it_works():
    source = MJML % (
        '<mj-text>Hello %FIRSTNAME%, {{ 2 | plural: "item", "items" }}</mj-text>\n'
        '{% for item in event.items %}<mj-button href="{{ item.url }}">{{ item.name }}</mj-button>{% endfor %}'
        '<mj-text><a href="https://shop.example/x?a=1&b=2">shop</a></mj-text>'
    )
    contact = person("ann@example.com", first_name="Ann <b>")
    items = [{"url": f"https://shop.example/{n}?x=1&copy=2", "name": f"N{n}"} for n in range(2)]
    found = rendered(source, form="mjml", contact=contact, context={"event": {"items": items}})
    assert found.subject == "Hi Ann <b>"
    assert "Hello Ann &lt;b&gt;, items" in found.html
    assert "Hello Ann <b>, items" in found.text
    assert "shop.example" not in found.html
    assert "shop.example" not in found.text
    links = {link.number: link for link in Link.objects.all()}
    assert (
        links[1].url
        == "https://shop.example/x?a=1&b=2&utm_source=My+organisation&utm_medium=email&utm_campaign=Welcome"
    )
    utm = "&utm_source=My+organisation&utm_medium=email&utm_campaign=Welcome"
    assert list(found.destinations.values()) == [
        f"https://shop.example/{n}?x=1&copy=2{utm}" for n in range(2)
    ]
    clicks = [part.split('"')[0] for part in found.html.split("/c/")[1:]]
    ids = [read_token(click, TokenKind.CLICK).link_id for click in clicks]
    assert ids == [links[0].pk, links[0].pk | 1 << 32, links[1].pk, TRAP_LINK]
    assert [str(number) for number in ids[:2]] == list(found.destinations)


@pytest.mark.parametrize(
    ("source", "form", "expected"),
    [
        ("<p>\n {% if a %}x</p>", "html", "source (en), line 2, column 2: expected tag endif"),
        ("<p>{{ a | zzz }}</p>", "html", "source (en), line 1, column 11: There is no filter called “zzz”."),
        ("<p>\n{% foo %}</p>", "html", "source (en), line 2, column 4: unexpected tag 'foo'"),
        ("<p>{% include 'x' %}</p>", "html", "source (en), line 1, column 7: unexpected tag 'include'"),
        ("", "html", "source (en), line 1, column 1: A message needs content."),
        (MJML % "<mj-txt>x</mj-txt>", "mjml", "source (en), line 3, column 1: <mj-txt> is no MJML tag"),
        (
            MJML % "<mj-text>x",
            "mjml",
            "source (en), line 4, column 1: </mj-column> closes nothing, <mj-text> is open",
        ),
        (
            MJML % '%FIRSTNAME%<mj-include path="/etc/passwd"/>',
            "mjml",
            "source (en), line 3, column 12: <mj-include> is not allowed",
        ),
        (MJML % "<mj-text>a < b</mj-text>", "mjml", "source (en), line 3, column 12: a < that begins no tag"),
        ("<p>x</p>", "mjml", "source (en), line 1, column 1: MJML begins with <mjml>"),
        ("<p>x</p>", "pdf", "format (en): Use one of mjml, html."),
    ],
)
def test_faults_are_located(source, form, expected):
    found = faults(source, form)
    assert len(found) == 1
    assert found[0].startswith(expected)


def test_unknown_keys_are_refused():
    assert faults("<p>x</p>", sourze="x") == ["sourze (en): This key is unknown."]
    assert faults("<p>x</p>", subject=" ") == ["subject (en), line 1, column 1: A message needs a subject."]
    assert faults("<p>x</p>", subject="a {{ b") == [
        "subject (en), line 1, column 3: expected '}}', found end of file"
    ]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("<p>\n\n {{ event.missing }}</p>", "source (en), line 3, column 2: event.missing is undefined"),
        (
            "<p>\n{{ contact.fields.NOTHING }}</p>",
            "source (en), line 2, column 1: contact.fields.NOTHING is undefined",
        ),
        (
            "<p>\n{% for i in (1..2000) %}{% for j in (1..2000) %}x{% endfor %}{% endfor %}</p>",
            "source (en), line 2, column 1: loops run more than 10000 times",
        ),
        (
            "<p>\n{% for i in (1..9999) %}{{ event.big }}{% endfor %}</p>",
            "source (en), line 2, column 1: the output is longer than 1000000 characters",
        ),
        (
            "<p>\n{{ event.big | replace: 'x', event.big | replace: 'x', event.big | size }}</p>",
            "source (en), line 2, column 1: replace: the result would be longer than 1000000",
        ),
        (
            "<p>{{ (1..99999999) | join }}</p>",
            "source (en), line 1, column 4: join: a range of more than 10000 numbers",
        ),
        ("<p>{{ 'x' | money: 'EUR' }}</p>", "source (en), line 1, column 4: money: 'x' is not a number"),
        (
            '<p>\n<a href="{{ event.script }}">x</a></p>',
            "source (en), line 2, column 10: a link leads to 'javascript:alert(1)', which is no http or https address",
        ),
        ("<p>{{ contact.__class__ }}</p>", "source (en), line 1, column 4: contact.__class__ is undefined"),
        ("<p>{{ event.keys }}</p>", "source (en), line 1, column 4: event.keys is undefined"),
    ],
)
def test_limits_and_missing_values_are_located(source, expected):
    with pytest.raises(RenderError) as caught:
        rendered(source, context={"event": {"big": "x" * 1100, "script": "javascript:alert(1)"}})
    assert str(caught.value) == expected


@pytest.mark.django_db
def test_abort_is_no_fault():
    with pytest.raises(Aborted, match="nothing in stock"):
        rendered("<p>{% unless event.stock %}{% abort 'nothing in stock' %}{% endunless %}</p>")


@pytest.mark.django_db
def test_a_missing_value_may_have_a_default_or_be_tested():
    found = rendered('<p>{{ event.name | default: "you" }}{% if event.name %}1{% else %}2{% endif %}</p>')
    assert "<p>you2</p>" in found.html


@pytest.mark.django_db
def test_the_unsubscribe_footer_is_added_once():
    assert rendered("<p>x</p>").html.count("/u/") == 1
    assert rendered("<p>x</p>").text.count("/u/") == 1
    assert rendered('<p><a href="{{ links.unsubscribe }}">bye</a></p>').html.count("/u/") == 1
    transactional = rendered("<p>x</p>", transactional=True)
    assert "/u/" not in transactional.html + transactional.text


@pytest.mark.django_db
def test_dates_money_and_plurals_follow_language_and_zone():
    text = {"subject": "s", "preheader": "", "format": "html", "text": "", "source": (
        '<p>{{ 1234.5 | money: "UAH" }}|{{ "2026-03-01T22:30:00Z" | date: "%d.%m %H:%M" }}|'
        '{{ "2026-03-01" | date: "long" }}|{{ 3 | plural: "товар", "товари", "товарів" }}|{{ "380501234567" | phone }}</p>'
    )}  # fmt: skip
    saved = save_message(
        message=Message(name="m", default_language="uk"), content={"uk": text}, now=NOW
    ).message
    prepared = prepare_revision(saved.revision_id)
    assert prepared.choose_language("uk-UA") == "uk"
    assert prepared.choose_language("de", None) == "uk"
    recipient = Recipient(
        delivery_id=7, cause_month=date(2026, 3, 1), address="a@b.example", context={}, language="uk",
        contact=nobody("a@b.example", read_field_names()), time_zone="Europe/Kyiv",
    )  # fmt: skip
    found = render(prepared, recipient, {}, now=NOW)
    words = found.text.replace("\xa0", " ").replace("\u202f", " ").split("\n")[0].split("|")
    assert words == ["1 234,50 ₴", "02.03 00:30", "1 березня 2026 р.", "товари", "+380 50 123 4567"]


@pytest.mark.django_db
def test_faults_keep_a_message_a_draft():
    text = {"subject": "s", "preheader": "", "format": "html", "source": "<p>{{ a | zzz }}</p>", "text": ""}
    outcome = save_message(message=Message(name="m"), content={"en": text}, now=NOW)
    assert [fault.line for fault in outcome.faults] == [1]
    assert outcome.message.state == "draft"
    mended = save_message(message=outcome.message, content={"en": text | {"source": "<p>a</p>"}}, now=NOW)
    assert (mended.message.state, mended.revision.number) == ("ready", 2)
    missing = save_message(message=mended.message, content={"uk": text | {"source": "<p>a</p>"}}, now=NOW)
    assert "default language en has no text" in str(missing.faults[0])
