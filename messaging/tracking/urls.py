"""Addresses that sent messages lead to; short, as they stand in mail."""

from django.urls import path, re_path

from messaging.tracking import views

SIGNED = r"(?P<token>[\w-]{1,80})"

urlpatterns = [
    path("o/<str:token>.gif", views.open_pixel, name="open_pixel"),
    re_path(rf"^c/{SIGNED}/?$", views.click, name="click"),
    re_path(rf"^u/{SIGNED}/?$", views.preferences, name="preferences"),
    re_path(
        r"^hooks/mail/(?P<connection_id>\d{1,9})/(?P<secret>[\w-]{16,100})/?$",
        views.webhook,
        name="mail_webhook",
    ),
]
