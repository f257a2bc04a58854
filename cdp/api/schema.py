"""How the routes describe themselves in the OpenAPI document."""

import re
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema


def strip_slashes(endpoints: list[Any]) -> list[Any]:
    """Every route takes a trailing slash and none; the document prints it without."""
    return [(path.rstrip("/"), regex, method, view) for path, regex, method, view in endpoints]


class RouteSchema(AutoSchema):
    """Operations are named by method and path, grouped by the path's first word."""

    def get_operation_id(self) -> str:
        words = re.findall(r"[A-Za-z0-9]+", self.path.removeprefix("/api/"))
        return "_".join([self.method.lower(), *words])

    def get_description(self) -> str:  # type: ignore[override]
        """The method's own words; those of the view class speak to developers."""
        return (getattr(getattr(self.view, self.method.lower(), None), "__doc__", None) or "").strip()

    def get_tags(self) -> list[str]:
        return [re.findall(r"[a-z]+", self.path.split("/", 3)[3])[0]]


class KeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "partners.authentication.KeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:  # noqa: ARG002
        return {
            "type": "http",
            "scheme": "basic",
            "description": "Any user name; the password is an API key.",
        }
