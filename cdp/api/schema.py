"""How the routes describe themselves in the OpenAPI document."""

import re

from drf_spectacular.openapi import AutoSchema


class RouteSchema(AutoSchema):
    """Operations are named by method and path, grouped by the path's first word."""

    def get_operation_id(self) -> str:
        words = re.findall(r"[A-Za-z0-9]+", self.path.removeprefix("/api/"))
        return "_".join([self.method.lower(), *words])

    def get_tags(self) -> list[str]:
        return [re.findall(r"[a-z]+", self.path.split("/", 3)[3])[0]]
