"""Dynamic segments: their definitions, their stored membership, and the queues that keep it true.

Membership lies in `SegmentChunk`: one row per 65 536 person ids, a roaring bitmap of at most about 8 KB.
"""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from contacts.groups import NextGroupId


class SegmentState(models.TextChoices):
    ACTIVE = "active", _("Active")  # saved, restored, or mended
    BROKEN = "broken", _("Broken")  # names something that is gone; keeps its last members
    ARCHIVED = "archived", _("Archived")  # put away by a colleague; not kept up to date


class Segment(models.Model):
    """A dynamic segment. Its stored membership is of `built_fingerprint`, which lags behind an edited definition.

    Ids are drawn with those of lists: in the API both are groups.
    """

    id = models.BigIntegerField(primary_key=True, db_default=NextGroupId(), editable=False)
    name = models.CharField(_("name"), max_length=255, unique=True)
    purpose = models.CharField(_("purpose"), max_length=255, blank=True, default="")
    state = models.CharField(
        _("state"), max_length=8, choices=SegmentState.choices, default=SegmentState.ACTIVE
    )
    reason = models.TextField(_("reason"), blank=True, default="")
    definition = models.JSONField(_("definition"))
    fingerprint = models.CharField(max_length=64, editable=False)
    built_fingerprint = models.CharField(max_length=64, blank=True, default="", editable=False)
    version = models.PositiveIntegerField(_("version"), default=1, editable=False)
    is_live = models.BooleanField(
        _("kept up to date"), default=True, help_text=_("Off: counted anew each night only.")
    )
    size = models.BigIntegerField(_("contacts"), default=0, editable=False)
    built_at = models.DateTimeField(_("built"), null=True, editable=False)
    changed_at = models.DateTimeField(_("members changed"), null=True, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(_("created"), editable=False)
    updated_at = models.DateTimeField(_("changed"), editable=False)

    class Meta:
        verbose_name = _("dynamic segment")
        verbose_name_plural = _("dynamic segments")

    def __str__(self) -> str:
        return self.name

    @property
    def is_current(self) -> bool:
        """Whether the stored members are of the present definition."""
        return self.fingerprint == self.built_fingerprint


class SegmentVersion(models.Model):
    """A definition as it was saved; can be restored."""

    segment = models.ForeignKey(Segment, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField(_("version"))
    definition = models.JSONField(_("definition"))
    fingerprint = models.CharField(max_length=64)
    author = models.TextField(_("author"), default="", blank=True)
    saved_at = models.DateTimeField(_("saved"))

    class Meta:
        verbose_name = _("version")
        verbose_name_plural = _("versions")
        constraints = [models.UniqueConstraint(fields=["segment", "number"], name="segments_version_once")]

    def __str__(self) -> str:
        return f"{self.segment_id} v{self.number}"


class SegmentSource(models.Model):
    """A thing a segment reads, such as `email`, `list.3` or `event.12`: how a change finds the segments it concerns."""

    segment = models.ForeignKey(Segment, on_delete=models.CASCADE, related_name="sources", db_index=False)
    source = models.TextField()

    class Meta:
        verbose_name = _("source")
        verbose_name_plural = _("sources")
        constraints = [models.UniqueConstraint(fields=["segment", "source"], name="segments_source_once")]
        indexes = [models.Index(fields=["source"], name="segments_source")]

    def __str__(self) -> str:
        return self.source


class Lane(models.Model):
    """One row a segment; whoever writes its chunks holds it."""

    segment = models.OneToOneField(Segment, on_delete=models.CASCADE, primary_key=True)

    class Meta:
        verbose_name = _("lane")
        verbose_name_plural = _("lanes")

    def __str__(self) -> str:
        return str(self.segment_id)


class SegmentChunk(models.Model):
    """Members whose id >> 16 is `chunk`: a serialised 64-bit roaring bitmap (portable format) of whole ids."""

    id = models.BigAutoField(primary_key=True)
    segment = models.ForeignKey(Segment, on_delete=models.CASCADE, db_index=False)
    chunk = models.BigIntegerField()
    bits = models.BinaryField()
    count = models.PositiveIntegerField()

    class Meta:
        verbose_name = _("chunk of members")
        verbose_name_plural = _("chunks of members")
        constraints = [models.UniqueConstraint(fields=["segment", "chunk"], name="segments_chunk_once")]

    def __str__(self) -> str:
        return f"{self.segment_id}:{self.chunk}"


class ChangeReason(models.TextChoices):
    DATA = "data", _("Data changed")
    CLOCK = "clock", _("Time passed")
    DEFINITION = "definition", _("Definition changed")
    REBUILD = "rebuild", _("Built anew")


class MembershipChange(models.Model):
    """The journal: a person entered or left a segment. Rows of one pass share `pass_id`.

    Where many of a chunk do so in one pass, a `PackedChange` stands for them.
    """

    id = models.BigAutoField(primary_key=True)
    pass_id = models.BigIntegerField()
    segment_id = models.BigIntegerField()
    person_id = models.BigIntegerField()
    is_entering = models.BooleanField()
    is_muted = models.BooleanField(default=False)
    reason = models.CharField(max_length=10, choices=ChangeReason.choices)
    at = models.DateTimeField()

    class Meta:
        verbose_name = _("membership change")
        verbose_name_plural = _("membership changes")
        indexes = [
            models.Index(fields=["pass_id"], name="segments_change_pass"),
            models.Index(fields=["segment_id", "id"], name="segments_change_segment"),
            models.Index(fields=["person_id", "segment_id", "id"], name="segments_change_person"),
        ]

    def __str__(self) -> str:
        return f"{self.person_id} {'in' if self.is_entering else 'out of'} {self.segment_id}"


class PackedChange(models.Model):
    """The journal of many persons at once: those of one chunk who came to a segment, or left it, in one pass.

    `lows` are their ids less `(chunk << 16) + 32768`, ascending. The view `segments_journal` reads these rows and those of
    `MembershipChange` alike.
    """

    id = models.BigAutoField(primary_key=True)
    pass_id = models.BigIntegerField()
    segment_id = models.BigIntegerField()
    chunk = models.BigIntegerField()
    is_entering = models.BooleanField()
    is_muted = models.BooleanField(default=False)
    reason = models.CharField(max_length=10, choices=ChangeReason.choices)
    at = models.DateTimeField()
    lows = ArrayField(models.SmallIntegerField())

    class Meta:
        verbose_name = _("membership change")
        verbose_name_plural = _("membership changes")
        indexes = [
            models.Index(fields=["pass_id"], name="segments_packed_pass"),
            models.Index(fields=["segment_id", "id"], name="segments_packed_segment"),
            models.Index(fields=["chunk", "segment_id"], name="segments_packed_chunk"),
        ]

    def __str__(self) -> str:
        return f"{len(self.lows)} {'in' if self.is_entering else 'out of'} {self.segment_id}"

    @property
    def person_ids(self) -> list[int]:
        return [(self.chunk << 16) + 32_768 + low for low in self.lows]


class SegmentDay(models.Model):
    """How many came and went on a day (UTC); written with the journal, so that lists need not count it."""

    id = models.BigAutoField(primary_key=True)
    segment = models.ForeignKey(Segment, on_delete=models.CASCADE, related_name="days", db_index=False)
    day = models.DateField()
    entered = models.BigIntegerField(default=0)
    left = models.BigIntegerField(default=0)

    class Meta:
        verbose_name = _("day of a segment")
        verbose_name_plural = _("days of segments")
        constraints = [models.UniqueConstraint(fields=["segment", "day"], name="segments_day_once")]

    def __str__(self) -> str:
        return f"{self.segment_id} {self.day}"


class Dirty(models.Model):
    """Append-only: something a segment may read has changed for a person.

    `source` is a word as in `SegmentSource`; `*` concerns every segment, `only.<id>` that one.
    """

    id = models.BigAutoField(primary_key=True)
    source = models.TextField()
    person_id = models.BigIntegerField()
    is_muted = models.BooleanField(default=False)
    reason = models.CharField(max_length=10, choices=ChangeReason.choices, default=ChangeReason.DATA)
    at = models.DateTimeField()

    class Meta:
        verbose_name = _("waiting change")
        verbose_name_plural = _("waiting changes")

    def __str__(self) -> str:
        return f"{self.source} {self.person_id}"


class BuildState(models.TextChoices):
    IDLE = "idle", _("Idle")  # nothing to do
    WAITING = "waiting", _("Waiting")  # asked for by a save, a big change, the night or an operator
    RUNNING = "running", _("Building")  # evaluated by `owner`; taken over when the owner's lock is free


class Build(models.Model):
    """The full build of one segment. `token` tells apart the attempts; a swap with an old one comes to nothing."""

    segment = models.OneToOneField(Segment, on_delete=models.CASCADE, primary_key=True)
    state = models.CharField(max_length=8, choices=BuildState.choices, default=BuildState.IDLE)
    reason = models.CharField(max_length=10, choices=ChangeReason.choices, default=ChangeReason.DEFINITION)
    is_muted = models.BooleanField(default=False)
    is_checking = models.BooleanField(default=False, help_text="a nightly build: differences are a defect")
    does_announce = models.BooleanField(
        default=False, help_text="a first build announces its members as entering"
    )
    requested_at = models.DateTimeField(null=True)
    not_before = models.DateTimeField(null=True)
    owner = models.TextField(default="", blank=True)
    token = models.UUIDField(null=True)
    started_at = models.DateTimeField(null=True)
    heartbeat_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    seconds = models.FloatField(default=0)
    drift = models.BigIntegerField(default=0, help_text="members the last nightly build had to put right")
    attempts = models.PositiveIntegerField(default=0)
    last_error = models.TextField(default="", blank=True)
    last_error_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("build")
        verbose_name_plural = _("builds")
        indexes = [
            models.Index(
                fields=["requested_at"], name="segments_build_waiting", condition=~models.Q(state="idle")
            )
        ]

    def __str__(self) -> str:
        return f"{self.segment_id} {self.state}"


class Meanwhile(models.Model):
    """A person the live path met while a segment was being built: the swap leaves them out and queues them again."""

    id = models.BigAutoField(primary_key=True)
    segment_id = models.BigIntegerField()
    person_id = models.BigIntegerField()

    class Meta:
        verbose_name = _("person met during a build")
        verbose_name_plural = _("persons met during a build")
        indexes = [models.Index(fields=["segment_id"], name="segments_meanwhile_segment")]

    def __str__(self) -> str:
        return f"{self.segment_id} {self.person_id}"


class Clock(models.Model):
    """One row: up to when the clock was swept, and the last night everything was built anew."""

    swept_at = models.DateTimeField()
    nightly_on = models.DateField(null=True)

    class Meta:
        verbose_name = _("clock")
        verbose_name_plural = _("clock")
        constraints = [models.CheckConstraint(condition=models.Q(pk=1), name="segments_clock_one_row")]

    def __str__(self) -> str:
        return str(self.swept_at)
