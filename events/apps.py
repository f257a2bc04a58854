from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class EventsConfig(AppConfig):
    name = "events"
    verbose_name = _("Activity")

    def ready(self) -> None:
        from contacts import persons
        from events import engines

        persons.register(persons.PersonTable("events_event", keeps_origin=True))
        engines.register_all()
