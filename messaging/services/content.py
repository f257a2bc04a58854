"""Saves messages: every save makes a revision, compiled once, with its links; faults keep a message a draft."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Max

from cdp.models import Account
from messaging.models import Link, Message, MessageRevision, MessageState
from messaging.rendering.compilation import Compiled, compile_language
from messaging.rendering.faults import Fault
from messaging.rendering.revisions import PreparedLink, utm_of
from messaging.rendering.values import read_field_names

MOST_LANGUAGES = 50


@dataclass(slots=True)
class SaveOutcome:
    """`faults` is empty when the message may be sent."""

    message: Message
    revision: MessageRevision
    faults: list[Fault] = field(default_factory=list)


def compile_content(message: Message, content: Mapping[str, Any]) -> tuple[dict[str, Compiled], list[Fault]]:
    """Compile every language; writes nothing."""
    faults: list[Fault] = []
    if message.default_language not in content:
        faults.append(
            Fault(
                "content",
                f"the default language {message.default_language} has no text",
                0,
                0,
                message.default_language,
            )
        )
    if len(content) > MOST_LANGUAGES:
        faults.append(Fault("content", f"more than {MOST_LANGUAGES} languages"))
        return {}, faults
    fields = read_field_names().short_forms
    utm = utm_of(message, Account.objects.get(pk=1))
    compiled = {}
    for language, texts in content.items():
        compiled[language], found = compile_language(texts, language=language, fields=fields, utm=utm)
        faults += found
    return compiled, faults


def save_message(
    *, message: Message, content: Mapping[str, Any], categories: list[Any] | None = None, author: Any = None,
    now: datetime,
) -> SaveOutcome:  # fmt: skip
    """Store the message and a new revision of its content.

    A revision with faults is stored for the author but compiled to nothing, and the message is a draft: it is not sent.

    Args:
        content: language → subject, preheader, format, source, text.
        categories: subscription categories; None leaves them as they are.
    """
    compiled, faults = compile_content(message, content)
    with transaction.atomic():
        message.updated_at = now
        if message.pk is None:
            message.created_at, message.owner = now, author
        if message.state != MessageState.ARCHIVED:
            message.state = MessageState.DRAFT if faults else MessageState.READY
        message.save()
        if categories is not None:
            message.categories.set(categories)
        number = message.revisions.aggregate(most=Max("number"))["most"] or 0
        revision = MessageRevision.objects.create(
            message=message, number=number + 1, content=dict(content), author=author, created_at=now,
            compiled={} if faults else {language: text.as_json() for language, text in compiled.items()},
        )  # fmt: skip
        if not faults:
            _keep_links(revision, compiled)
        message.revision = revision
        message.save(update_fields=["revision"])
    return SaveOutcome(message, revision, faults)


def restore_revision(*, revision: MessageRevision, author: Any, now: datetime) -> SaveOutcome:
    """Make an old revision the newest one again."""
    return save_message(message=revision.message, content=revision.content, author=author, now=now)


def _keep_links(revision: MessageRevision, compiled: Mapping[str, Compiled]) -> None:
    Link.objects.bulk_create(
        Link(
            revision=revision, language=language, number=link.number, url=link.url,
            is_tracked=revision.message.tracks_clicks,
        )
        for language, text in compiled.items()
        for link in text.links
    )  # fmt: skip


def links_of(compiled: Mapping[str, Compiled]) -> dict[str, list[PreparedLink]]:
    """Links of a text that is not saved, for previews."""
    return {
        language: [PreparedLink(0, link.url, link.is_dynamic) for link in text.links]
        for language, text in compiled.items()
    }


def archive_message(*, message: Message, now: datetime) -> None:
    Message.objects.filter(pk=message.pk).update(state=MessageState.ARCHIVED, updated_at=now)


def unarchive_message(*, message: Message, now: datetime) -> None:
    """Bring it back: ready, or a draft when its newest revision has faults."""
    is_ready = message.revision is not None and bool(message.revision.compiled)
    state = MessageState.READY if is_ready else MessageState.DRAFT
    Message.objects.filter(pk=message.pk, state=MessageState.ARCHIVED).update(state=state, updated_at=now)
