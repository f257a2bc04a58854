from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PartnersConfig(AppConfig):
    name = "partners"
    verbose_name = _("Settings")

    def ready(self) -> None:
        from partners import screens  # models are only there once apps are

        screens.register_all()
