from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MessagingConfig(AppConfig):
    name = "messaging"
    verbose_name = _("Messages")

    def ready(self) -> None:
        from cdp.hooks import message_activity
        from contacts import persons, timeline
        from messaging import audiences, checks, engines, event_types, screens  # noqa: F401 - checks register themselves
        from messaging.channels import interface
        from messaging.channels.email.mailbox import MailboxAdapter
        from messaging.channels.email.providers import ProviderAdapter
        from messaging.channels.email.smtp import SmtpAdapter
        from messaging.leaves import MessageLeaf, on_message_activity
        from messaging.models import CauseKind
        from messaging.segment_form import FORM
        from messaging.services.campaigns import name_campaigns, read_gates
        from messaging.services.causes import register_gate, register_names
        from messaging.timeline import MessageSource
        from messaging.tracking import engines as tracking_engines
        from messaging.tracking import screens as tracking_screens
        from segments.builder.forms import register_form
        from segments.leaves.registry import register_leaf

        persons.register(
            persons.PersonTable("messaging_delivery", "contact_id"),
            persons.PersonTable("messaging_activity"),
        )
        for adapter in (SmtpAdapter(), ProviderAdapter(), MailboxAdapter()):
            interface.register(adapter)
        engines.register_all()
        audiences.register_all()
        register_gate(CauseKind.CAMPAIGN, read_gates)
        register_names(CauseKind.CAMPAIGN, name_campaigns)
        tracking_engines.register_all()
        tracking_screens.register_all()
        event_types.register_all()
        register_leaf(MessageLeaf)
        register_form("message", FORM)
        message_activity.connect(on_message_activity)
        timeline.register(MessageSource())
        screens.register_all()
