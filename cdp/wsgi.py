"""Django's WSGI handler, for hosts that serve WSGI and for the ASGI root in `cdp.asgi`."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cdp.settings")

application = get_wsgi_application()
