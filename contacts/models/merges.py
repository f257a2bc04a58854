"""Merges of contacts, how visitors joined, and proposed duplicates."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class MergeRecord(models.Model):
    """One contact merged into another: who, when, why, and enough to undo it for 30 days.

    `trail` is what undo needs (`contacts.services.merging.trail_of`); it holds personal data, and is emptied when the
    time for undo is over or one of the two is erased. `winner_id` follows later merges of the winner;
    `first_winner_id` stays.
    """

    id = models.BigAutoField(primary_key=True)
    winner_id = models.BigIntegerField(_("kept contact"))
    first_winner_id = models.BigIntegerField()
    loser_id = models.BigIntegerField(_("merged contact"))
    merged_at = models.DateTimeField(_("merged"))
    actor = models.TextField(_("by"), default="")
    reason = models.TextField(_("reason"), default="")
    matched_by = models.TextField(default="", help_text="the identifier kind that made an automatic merge")
    trail = models.JSONField(default=dict)
    moved = models.JSONField(default=dict, help_text="table → rows moved")
    undone_at = models.DateTimeField(_("undone"), null=True)
    undone_by = models.TextField(default="")
    kept = models.JSONField(default=list, help_text="what an undo left with the winner, changed since")

    class Meta:
        verbose_name = _("merge")
        verbose_name_plural = _("merges")
        indexes = [
            models.Index(fields=["winner_id", "merged_at"], name="contacts_merge_winner"),
            models.Index(fields=["loser_id"], name="contacts_merge_loser"),
            models.Index(fields=["merged_at"], name="contacts_merge_at"),
        ]

    def __str__(self) -> str:
        return f"{self.loser_id} → {self.winner_id}"


class VisitorJoin(models.Model):
    """A visitor whose rows became a person's: an undone merge gives those of its visitors back as well."""

    id = models.BigAutoField(primary_key=True)
    visitor_id = models.BigIntegerField()
    person_id = models.BigIntegerField()
    joined_at = models.DateTimeField()

    class Meta:
        verbose_name = _("joined visitor")
        verbose_name_plural = _("joined visitors")
        indexes = [
            models.Index(fields=["person_id"], name="contacts_join_person"),
            models.Index(fields=["visitor_id"], name="contacts_join_visitor"),
        ]

    def __str__(self) -> str:
        return f"{self.visitor_id} → {self.person_id}"


class DuplicateReason(models.TextChoices):
    """Why two contacts may be one person, strongest first."""

    EMAIL = "email", _("Same e-mail")
    PHONE = "phone", _("Same phone")
    CONTACT_KEY = "key", _("Same contact key")
    BIRTHDAY = "birthday", _("Same name and birthday")
    TOWN = "town", _("Same name and address")


class DuplicateState(models.TextChoices):
    OPEN = "open", _("To review")  # found
    DISMISSED = "dismissed", _("Not duplicates")  # a colleague said so; a later search does not ask again


class DuplicatePair(models.Model):
    """Two contacts that may be one person; `first_id` < `second_id`."""

    id = models.BigAutoField(primary_key=True)
    first_id = models.BigIntegerField()
    second_id = models.BigIntegerField()
    reason = models.CharField(_("reason"), max_length=8, choices=DuplicateReason.choices)
    state = models.CharField(
        _("state"), max_length=9, choices=DuplicateState.choices, default=DuplicateState.OPEN
    )
    found_at = models.DateTimeField(_("found"))
    decided_at = models.DateTimeField(null=True)
    decided_by = models.TextField(default="")

    class Meta:
        verbose_name = _("duplicate")
        verbose_name_plural = _("duplicates")
        constraints = [
            models.UniqueConstraint(fields=["first_id", "second_id"], name="contacts_duplicate_once"),
            models.CheckConstraint(
                condition=models.Q(first_id__lt=models.F("second_id")), name="contacts_duplicate_order"
            ),
        ]
        indexes = [
            models.Index(fields=["state", "reason", "id"], name="contacts_duplicate_list"),
            models.Index(fields=["second_id"], name="contacts_duplicate_second"),
        ]

    def __str__(self) -> str:
        return f"{self.first_id}, {self.second_id}"
