"""Addresses of this app's REST routes."""

from cdp.api.routes import routes
from events import api

urlpatterns = [
    *[
        pattern
        for version in (1, 2, 3)
        for pattern in routes("event", api.EventView.as_view(version=version), versions=(version,))
    ],
    *routes("events/batch", api.EventBatchView.as_view(), versions=(2,)),
]
