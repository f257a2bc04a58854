"""Additional fields that the account's own event parameter may hold (`Account.event_mapping_field`)."""

from collections.abc import Sequence

from django.urls import reverse
from django.utils.translation import gettext as _

from cdp.hooks import AccountChanged
from cdp.models import Account
from contacts.field_uses import Use
from contacts.models import ContactField, FieldType, IndexState
from contacts.services.fields import start_index

OWN_FIELD = "field:"
# A yes or no, several options or JSON tell nobody from anybody else.
NAMES_NOBODY = (FieldType.BOOLEAN, FieldType.MULTISELECT, FieldType.JSON)


def choices() -> list[tuple[str, str]]:
    """The fields a parameter may hold: (what the account keeps, group and name)."""
    fields = ContactField.objects.exclude(type__in=NAMES_NOBODY).select_related("group")
    return [(f"{OWN_FIELD}{field.pk}", f"{field.group}: {field}") for field in fields]


def mapped_field_id() -> int | None:
    """The additional field that the account's own parameter holds, if it holds one."""
    kept = Account.objects.values_list("event_mapping_field", flat=True).get(pk=1)
    return int(kept.removeprefix(OWN_FIELD)) if kept.startswith(OWN_FIELD) else None


def index_mapped_field(change: AccountChanged) -> None:
    """Handler of `account_changed`: events look the field up, so it gets its index."""
    field = ContactField.objects.filter(pk=mapped_field_id() or 0).first()
    if field is not None and field.index_state in (IndexState.NONE, IndexState.FAILED):
        start_index(field.pk, actor="settings", now=change.now)


def mapping_using_fields(field_ids: Sequence[int]) -> dict[int, list[Use]]:
    """Source of `contacts.field_uses`."""
    field_id = mapped_field_id()
    if field_id is None or field_id not in field_ids:
        return {}
    return {
        field_id: [
            Use(_("Settings"), _("own event parameter"), reverse("admin:cdp_account_change", args=[1]))
        ]
    }
