"""What tracking answers besides redirects: the pixel, and plain pages for readers of mail."""

from base64 import b64decode

from django.template.loader import render_to_string

from cdp.models import Account

GIF = b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
NO_STORE = [
    (b"cache-control", b"no-store, max-age=0"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-robots-tag", b"noindex"),
    (
        b"content-security-policy",
        b"default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data:",
    ),
]


def account_context() -> dict[str, str]:
    """Name and website of the account, for pages that contacts see."""
    account = Account.objects.get(pk=1)
    return {"organisation": account.organisation_name, "website": account.website}


def not_found_page() -> bytes:
    return render_to_string("messaging/public/not_found.html", account_context()).encode()


def unavailable_page() -> bytes:
    return render_to_string("messaging/public/unavailable.html").encode()
