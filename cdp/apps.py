from django.apps import AppConfig


class KernelConfig(AppConfig):
    name = "cdp"
    verbose_name = "Settings"
