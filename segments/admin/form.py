"""The form of a segment: reads what was sent, does what its buttons say, saves by the service, tells faults in place."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from contacts.models import Contact
from segments.admin.choices import choices_of
from segments.admin.dressing import dress
from segments.builder.sheet import CardForm, ConditionForm, Sheet, press, read_sheet, sheet_of
from segments.catalogue import Catalogue
from segments.models import Segment
from segments.rules import BrokenReference, DefinitionError
from segments.services.definitions import SegmentRefused, create_segment, update_segment
from segments.services.preview import Preview, preview

MOST_NAMED = 20
LOOK = gettext_lazy("Some conditions need a look; each says what is wrong.")


class SegmentForm:
    """`faults` are those that belong to no condition of the form."""

    def __init__(self, segment: Segment | None, posted: Mapping[str, str] | None) -> None:
        self.segment = segment
        self.posted = posted
        self.faults: list[Any] = []
        self.preview: Preview | None = None
        if posted is not None:
            self.sheet = read_sheet(posted)
            self.name = posted.get("name", "").replace("\0", "")
            self.purpose = posted.get("purpose", "").replace("\0", "")[:255]
            self.is_live = bool(posted.get("is_live"))
            self.announces = bool(posted.get("announces"))
            return
        self.sheet = (
            sheet_of(segment.definition)
            if segment
            else Sheet([CardForm(conditions=[ConditionForm("field")])])
        )
        self.name = segment.name if segment else ""
        self.purpose = segment.purpose if segment else ""
        self.is_live = segment.is_live if segment else True
        self.announces = False

    @property
    def choices(self) -> dict[str, Any]:
        """What the selects offer; asking for it dresses the conditions that are about to be drawn."""
        catalogue = Catalogue()
        found = choices_of(catalogue, own_id=self.segment.pk if self.segment else None)
        dress(self.sheet, found, catalogue)
        return found

    @property
    def sample(self) -> list[Contact]:
        """Some of those who fit, to be named."""
        ids = list(self.preview.sample[:MOST_NAMED]) if self.preview is not None else []
        found = Contact.objects.in_bulk(ids)
        return [found[pk] for pk in ids if pk in found]

    @property
    def is_refused(self) -> bool:
        """Whether anything stands in the way of saving."""
        cards = [*self.sheet.include, *self.sheet.exclude]
        return bool(self.faults) or any(condition.faults for card in cards for condition in card.conditions)

    def press(self, button: str, *, now: datetime) -> None:
        if button == "preview":
            body = self._definition()
            if body is not None:
                self._told(lambda: self._look(body, now))
            return
        press(self.sheet, button, self.posted or {})

    def _look(self, body: Any, now: datetime) -> None:
        self.preview = preview(body, now=now)

    def save(self, *, actor: str, owner_id: int | None, now: datetime) -> Segment | None:
        """The saved segment, or None with the faults noted."""
        body = self._definition()
        if body is None:
            return None
        saved: list[Segment] = []

        def work() -> None:
            values: dict[str, Any] = {
                "name": self.name, "purpose": self.purpose, "is_live": self.is_live, "definition": body,
            }  # fmt: skip
            if self.segment is None:
                more: dict[str, Any] = {"announces": self.announces, "owner_id": owner_id}
                saved.append(create_segment(actor=actor, now=now, **values, **more))
            else:
                saved.append(update_segment(self.segment.pk, actor=actor, now=now, **values))

        self._told(work)
        return saved[0] if saved else None

    def _definition(self) -> Any:
        if not self.sheet.is_text and not self.sheet.check():
            self.faults.append(LOOK)
            return None
        try:
            return self.sheet.definition()
        except ValueError as error:
            self.faults.append(_("The definition is not JSON: %(why)s") % {"why": error})
            return None

    def _told(self, work: Any) -> None:
        """Do something with the definition; its faults go to their conditions, or above the form."""
        try:
            work()
        except DefinitionError as error:
            for fault in error.faults:
                if not self.sheet.tell(fault.path, f"{fault.path.rpartition('/')[2]}: {fault.message}"):
                    self.faults.append(str(fault))
            if not self.faults:
                self.faults.append(LOOK)
        except SegmentRefused as refusal:
            self.faults.append(refusal.message)
        except BrokenReference as error:
            self.faults.append(error.message)
