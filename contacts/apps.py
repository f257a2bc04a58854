from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ContactsConfig(AppConfig):
    name = "contacts"
    verbose_name = _("Audience")

    def ready(self) -> None:
        from contacts import engines, persons, screens, timeline  # models are only there once apps are
        from contacts.history import ContactSource

        persons.register(
            persons.PersonTable("contacts_key"),
            persons.PersonTable("contacts_device"),
            persons.PersonTable("contacts_identifierchange"),
            persons.PersonTable("contacts_addresschange"),
            persons.PersonTable("contacts_listmember", "contact_id", "union", ("list_id",)),
            persons.PersonTable(
                "contacts_subscriptionchoice", "contact_id", "union", ("category_id", "channel")
            ),
        )
        timeline.register(ContactSource())
        screens.register_all()
        engines.register_all()
