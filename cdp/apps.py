from django.apps import AppConfig


class KernelConfig(AppConfig):
    name = "cdp"
    verbose_name = "Settings"

    def ready(self) -> None:
        from cdp import checks, screens  # noqa: F401 - checks register themselves

        screens.register_all()
