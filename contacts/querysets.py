"""The vocabulary of reads over contacts."""

from typing import Self

from django.db import models


class ContactQuerySet(models.QuerySet):  # type: ignore[type-arg]
    def active(self) -> Self:
        return self.filter(state="active")

    def deleted(self) -> Self:
        return self.filter(state="deleted")

    def universe(self) -> Self:
        """Everybody a segment may hold: active and not restricted."""
        return self.filter(state="active", is_restricted=False)
