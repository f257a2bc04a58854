"""The project: settings, the kernel shared by all apps, and the commands that run it."""

__version__ = "0.1.0"
