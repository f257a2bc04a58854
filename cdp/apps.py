from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class KernelConfig(AppConfig):
    name = "cdp"
    verbose_name = _("Settings")

    def ready(self) -> None:
        from cdp import checks, screens  # noqa: F401 - checks register themselves

        screens.register_all()
