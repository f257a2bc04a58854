"""What an author may write into a message, each with an example and what it gives."""

from django.utils.translation import gettext as _

from messaging.rendering.values import FieldNames

MOST_FIELDS = 50


def explained(fields: FieldNames) -> list[tuple[str, str]]:
    """(what is written, what it gives); the account's own fields are named."""
    own = [
        (f"{{{{ contact.fields.{key} }}}}", _("additional field")) for key in sorted(fields.ids)[:MOST_FIELDS]
    ]
    return [
        ('{{ contact.first_name | default: "you" }}', _("first name, or another word where it is not known")),
        ("{{ contact.email }}", _("address; likewise last_name, phone, language")),
        *own,
        ("{{ event.total }}", _("parameter of the event that started the workflow")),
        ('{{ event.total | money: "EUR" }}', _("an amount with its currency")),
        ('{{ now | date: "long" }}', _("a date in the recipient's language and time zone")),
        ('{% if contact.town == "Lviv" %}…{% endif %}', _("a text for some contacts only")),
        ("{% for item in event.items %}{{ item.name }}{% endfor %}", _("one line for each of several")),
        ("{{ links.unsubscribe }}", _("address to unsubscribe; without it a line is added below marketing mail")),
        ("{{ links.view }}", _("address of the message in the browser")),
        ('{% abort "reason" %}', _("this contact gets nothing")),
    ]  # fmt: skip
