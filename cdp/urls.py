"""The root of all addresses."""

from django.contrib import admin
from django.urls import include, path, re_path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView

from cdp import health
from cdp.api.views import unknown_route

admin.autodiscover()  # here and not at every start: see cdp.ui.apps

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", health.metrics),
    path("i18n/", include("django.conf.urls.i18n")),
    path("admin/", admin.site.urls),
    path("", include("cdp.api.general")),
    path("", include("contacts.urls")),
    path("", include("events.urls")),
    path("", include("messaging.tracking.urls")),
    path("api/schema", SpectacularAPIView.as_view(), name="schema"),
    re_path(r"^api/", unknown_route),
]

handler403 = "cdp.ui.site.forbidden"
handler404 = "cdp.ui.site.not_found"
