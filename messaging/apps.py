from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MessagingConfig(AppConfig):
    name = "messaging"
    verbose_name = _("Messages")

    def ready(self) -> None:
        from contacts import persons

        persons.register(
            persons.PersonTable("messaging_delivery", "contact_id"),
            persons.PersonTable("messaging_activity"),
        )
