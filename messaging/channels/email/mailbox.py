"""The development mailbox: mail is written to disk instead of leaving. Where a fresh installation sends."""

import email
import email.policy
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from cdp.crash import crash_point
from messaging.channels.email import mime
from messaging.channels.interface import Access, Handover, HandoverState, Parcel, Verdict

PAGE = 50


def folder() -> Path:
    return Path(settings.DATA_DIR) / "mail"


@dataclass(frozen=True, slots=True)
class Letter:
    """One letter of the mailbox."""

    name: str
    at: datetime
    sender: str
    recipient: str
    subject: str
    text: str = ""
    html: str = ""
    headers: tuple[tuple[str, str], ...] = ()


class MailboxAdapter:
    kind = "file"

    def validate(self, options: Mapping[str, Any]) -> dict[str, str]:
        return {
            key: _("This option is unknown.")
            for key in options
            if key not in ("bounce_domain", "return_path")
        }

    def verify(self, access: Access) -> Verdict:  # noqa: ARG002
        try:
            folder().mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder()):
                pass
        except OSError as error:
            return Verdict(False, str(error))
        return Verdict(True, str(folder()))

    def prepare(self, parcel: Parcel, *, now: datetime) -> None:
        parcel.prepared = mime.encode(parcel, now=now)

    def send_batch(self, access: Access, parcels: Sequence[Parcel], *, seconds: float) -> list[Handover]:  # noqa: ARG002
        """A letter's name is its delivery: handing one over again replaces it."""
        folder().mkdir(parents=True, exist_ok=True)
        answers = []
        for parcel in parcels:
            name = f"{parcel.delivery_id:012d}.eml"
            try:
                with tempfile.NamedTemporaryFile(dir=folder(), suffix=".part", delete=False) as file:
                    file.write(parcel.prepared)
                os.replace(file.name, folder() / name)
            except OSError as error:
                answers.append(Handover(HandoverState.AWAY, text=str(error)))
                break
            crash_point("mailbox_after_letter")
            answers.append(Handover(HandoverState.ACCEPTED, provider_id=name))
        return answers + [Handover(HandoverState.UNTOUCHED) for _ in parcels[len(answers) :]]


def list_letters(*, before: str = "", limit: int = PAGE) -> list[Letter]:
    """The newest letters, by name descending, before the one named."""
    try:
        names = sorted((e.name for e in os.scandir(folder()) if e.name.endswith(".eml")), reverse=True)
    except FileNotFoundError:
        return []
    wanted = [name for name in names if not before or name < before][:limit]
    return [letter for name in wanted if (letter := read_letter(name, with_body=False)) is not None]


def read_letter(name: str, *, with_body: bool = True) -> Letter | None:
    """One letter; None when there is none of this name."""
    if not name.removesuffix(".eml").isdigit():
        return None
    path = folder() / name
    try:
        data = path.read_bytes()
        at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except FileNotFoundError:
        return None
    message = email.message_from_bytes(data, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    letter = Letter(name, at, str(message["From"]), str(message["To"]), str(message["Subject"]))
    if not with_body:
        return letter
    parts = {
        part.get_content_type(): part.get_content() for part in message.walk() if not part.is_multipart()
    }
    return Letter(
        name, at, letter.sender, letter.recipient, letter.subject, parts.get("text/plain", ""), parts.get("text/html", ""),
        tuple((key, str(value)) for key, value in message.items()),
    )  # fmt: skip
