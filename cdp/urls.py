"""The root of all addresses."""

from django.contrib import admin
from django.urls import path
from django.views.generic import RedirectView

from cdp import health

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", health.metrics),
    path("admin/", admin.site.urls),
]
