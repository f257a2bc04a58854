from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MessagingConfig(AppConfig):
    name = "messaging"
    verbose_name = _("Messages")

    def ready(self) -> None:
        from contacts import persons, timeline
        from messaging import audiences, checks, engines, screens
        from messaging.channels import interface
        from messaging.channels.email.mailbox import MailboxAdapter
        from messaging.channels.email.providers import ProviderAdapter
        from messaging.channels.email.smtp import SmtpAdapter
        from messaging.models import CauseKind
        from messaging.services.campaigns import read_gates
        from messaging.services.causes import register_gate
        from messaging.timeline import MessageSource
        from messaging.tracking import engines as tracking_engines

        persons.register(
            persons.PersonTable("messaging_delivery", "contact_id"),
            persons.PersonTable("messaging_activity"),
        )
        for adapter in (SmtpAdapter(), ProviderAdapter(), MailboxAdapter()):
            interface.register(adapter)
        engines.register_all()
        audiences.register_all()
        register_gate(CauseKind.CAMPAIGN, read_gates)
        tracking_engines.register_all()
        timeline.register(MessageSource())
        screens.register_all()
