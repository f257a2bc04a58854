"""The form of one contact: made from the columns and the additional fields of the account."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from contacts.field_types import write_value
from contacts.models import Contact, ContactField, ContactList, FieldType
from contacts.services.manual import Values

TEXTS: tuple[tuple[str, Any, str, str], ...] = (
    ("first_name", _("First name"), "given-name", ""),
    ("last_name", _("Last name"), "family-name", ""),
    ("email", _("E-mail"), "email", "olena@example.com"),
    ("phone", _("Phone"), "tel", "+380 50 000 00 01"),
    ("external_id", _("External ID"), "off", ""),
    ("contact_key", _("Contact key"), "off", ""),
    ("address", _("Address"), "street-address", ""),
    ("town", _("Town"), "address-level2", ""),
    ("region", _("Region"), "address-level1", ""),
    ("postcode", _("Postcode"), "postal-code", ""),
    ("language", _("Language"), "language", "uk"),
    ("time_zone", _("Time zone"), "off", "Europe/Kyiv"),
)


class ContactForm(forms.Form):
    """Texts as the service reads them; what breaks a rule is told by the service, at its field."""

    def __init__(self, *args: Any, contact: Contact | None = None, zone: Any = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.contact = contact
        for name, label, complete, example in TEXTS:
            attributes = {"autocomplete": complete, "placeholder": example}
            self.fields[name] = forms.CharField(
                label=label, required=False, max_length=1_000, strip=True, widget=forms.TextInput(attributes)
            )
        if contact is not None and contact.external_id:
            self.fields["external_id"].disabled = True
            self.fields["external_id"].help_text = _("Set once; it cannot be changed.")
        self.additional = list(ContactField.objects.select_related("group"))
        for field in self.additional:
            self.fields[f"field_{field.pk}"] = self._additional(field)
        if contact is not None:
            self.initial = {**self._initial(contact, zone), **self.initial}

    def _additional(self, field: ContactField) -> forms.Field:
        label = f"{field.group}: {field}"
        common: dict[str, Any] = {"label": label, "required": False, "disabled": field.is_readonly}
        if field.type == FieldType.SELECT:
            return forms.ChoiceField(choices=[("", "—"), *((o, o) for o in field.options)], **common)
        if field.type == FieldType.MULTISELECT:
            return forms.MultipleChoiceField(
                choices=[(o, o) for o in field.options], widget=forms.CheckboxSelectMultiple, **common
            )
        if field.type == FieldType.BOOLEAN:
            return forms.ChoiceField(choices=[("", "—"), ("true", _("Yes")), ("false", _("No"))], **common)
        if field.type in (FieldType.TEXTAREA, FieldType.JSON):
            return forms.CharField(widget=forms.Textarea({"rows": 3}), strip=False, **common)
        kinds = {FieldType.DATE: "date", FieldType.DATETIME: "datetime-local"}
        widget = (
            forms.TextInput({"type": kinds[FieldType(field.type)]})
            if field.type in kinds
            else forms.TextInput()
        )
        return forms.CharField(widget=widget, **common)

    def _initial(self, contact: Contact, zone: Any) -> dict[str, Any]:
        found: dict[str, Any] = {name: getattr(contact, name) or "" for name, *_rest in TEXTS}
        for field in self.additional:
            value = contact.data.get(str(field.pk))
            if value is not None:
                is_list = field.type == FieldType.MULTISELECT
                if is_list and isinstance(value, str):  # kept before the field allowed several
                    value = [value]
                found[f"field_{field.pk}"] = value if is_list else write_value(field, value, zone)
        return found

    def values(self) -> Values:
        """What changed (on a new contact: what was given), for the service."""
        cleaned = self.cleaned_data
        names = self.changed_data if self.contact is not None else list(cleaned)
        texts = {name: cleaned[name] for name, *_rest in TEXTS if name in names}
        data = {f.pk: cleaned[f"field_{f.pk}"] for f in self.additional if f"field_{f.pk}" in names}
        return Values(texts, data)

    def main_fields(self) -> list[forms.BoundField]:
        return [self[name] for name, *_rest in TEXTS]

    def additional_fields(self) -> list[forms.BoundField]:
        return [self[f"field_{field.pk}"] for field in self.additional]


class NewContactForm(ContactForm):
    """Personal data, lists, and the consent without which nobody is added."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        lists = ContactList.objects.order_by("name").values_list("pk", "name")[:200]
        self.fields["lists"] = forms.MultipleChoiceField(
            label=_("Lists"), required=False, choices=list(lists), widget=forms.CheckboxSelectMultiple
        )
        self.fields["consent"] = forms.BooleanField(
            label=_("The person agreed to the storing and use of these data"),
            error_messages={"required": _("Without the person's consent nobody may be added.")},
        )
