from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class EventsConfig(AppConfig):
    name = "events"
    verbose_name = _("Activity")

    def ready(self) -> None:
        from cdp.hooks import account_changed, events_requested, persons_erased
        from contacts import persons, timeline
        from events import engines, screens
        from events.services.erasure import forget_waiting
        from events.services.nobody import keep_digests
        from events.services.system import keep_requested
        from events.services.upkeep import make_room_for_account
        from events.timeline import EventSource, OrderSource

        persons.register(persons.PersonTable("events_event", keeps_origin=True))
        timeline.register(EventSource())
        timeline.register(OrderSource())
        screens.register_all()
        events_requested.connect(keep_requested)
        account_changed.connect(make_room_for_account)
        persons_erased.connect(forget_waiting)
        persons_erased.connect(keep_digests)
        engines.register_all()
