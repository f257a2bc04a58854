from django.apps import AppConfig


class KernelConfig(AppConfig):
    name = "cdp"
    verbose_name = "Settings"

    def ready(self) -> None:
        from cdp import checks  # noqa: F401 - registers the system checks
