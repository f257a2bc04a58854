from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MessagingConfig(AppConfig):
    name = "messaging"
    verbose_name = _("Messages")

    def ready(self) -> None:
        from contacts import persons
        from messaging import engines
        from messaging.channels import interface
        from messaging.channels.email.mailbox import MailboxAdapter
        from messaging.channels.email.providers import ProviderAdapter
        from messaging.channels.email.smtp import SmtpAdapter

        persons.register(
            persons.PersonTable("messaging_delivery", "contact_id"),
            persons.PersonTable("messaging_activity"),
        )
        for adapter in (SmtpAdapter(), ProviderAdapter(), MailboxAdapter()):
            interface.register(adapter)
        engines.register_all()
