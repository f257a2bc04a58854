from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ContactsConfig(AppConfig):
    name = "contacts"
    verbose_name = _("Audience")

    def ready(self) -> None:
        from cdp import event_mapping as account_mapping
        from cdp.hooks import account_changed, persons_erased
        from contacts import checks, engines, field_uses, persons, screens, timeline  # noqa: F401 - checks register themselves; models are only there once apps are
        from contacts.history import ContactSource
        from contacts.services import event_mapping
        from contacts.services.exports import on_persons_erased

        table = persons.PersonTable
        persons.register(
            table("contacts_key", at_once=True),
            table("contacts_device", at_once=True),
            table("contacts_identifierchange", keeps_origin=True),
            table("contacts_addresschange", keeps_origin=False),
            table("contacts_listmember", "contact_id", "union", ("list_id",), at_once=True),
            table(
                "contacts_subscriptionchoice", "contact_id", "union", ("category_id", "channel"), at_once=True
            ),
            table("contacts_duplicatepair", "first_id", "drop", at_once=True),
            table("contacts_duplicatepair", "second_id", "drop", at_once=True),
            # `merging` points records and tombstones at the winner itself; the audit stays where it happened.
            table("contacts_mergerecord", "winner_id", "stay"),
            table("contacts_mergerecord", "loser_id", "stay"),
            table("contacts_visitorjoin", "person_id", "stay"),
            table("contacts_visitorjoin", "visitor_id", "stay"),
            table("contacts_contactaudit", "contact_id", "stay", on_erase="keep"),
        )
        persons_erased.connect(on_persons_erased)
        account_changed.connect(event_mapping.index_mapped_field)
        account_mapping.register(event_mapping.choices)
        field_uses.register("event_mapping", event_mapping.mapping_using_fields)
        timeline.register(ContactSource())
        screens.register_all()
        engines.register_all()
