"""Credentials of REST requests, for Django REST framework."""

from datetime import UTC, datetime
from typing import Any

from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from partners.credentials import authenticate


class KeyAuthentication(BaseAuthentication):
    """HTTP Basic with an API key, or with the login of a colleague; the principal becomes `request.user`."""

    def authenticate(self, request: Request) -> tuple[Any, None] | None:
        principal = authenticate(request.META.get("HTTP_AUTHORIZATION", ""), now=datetime.now(UTC))
        return None if principal is None else (principal, None)
