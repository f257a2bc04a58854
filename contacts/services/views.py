"""Saved views of the contact list and chosen columns: each colleague's own, views shared if their owner says so."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from contacts.filters import KINDS, read_filter
from contacts.models import ListChoice, SavedView

MOST_VIEWS = 30  # of one colleague; as many shared ones are shown
MOST_COLUMNS = 8
LONGEST_NAME = 60
KEPT_PARAMS = (*KINDS, "view", "q", "sort")


class ViewRefused(ValueError):
    """The view cannot be saved; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a form of a view holds."""

    name: str
    is_shared: bool = False
    opens: bool = False  # the list opens with it


def views_of(user: Any) -> list[SavedView]:
    """What a colleague sees: the own ones first, then those shared by others; by name."""
    rows = (
        SavedView.objects.filter(Q(owner=user) | Q(is_shared=True))
        .select_related("owner")
        .order_by("name", "pk")
    )
    found = list(rows[: 2 * MOST_VIEWS])
    return sorted(found, key=lambda view: view.owner_id != user.pk)


def choice_of(user: Any) -> ListChoice:
    """The colleague's choice; an unsaved empty one when there is none."""
    return ListChoice.objects.filter(pk=user.pk).select_related("opens_with").first() or ListChoice(user=user)


def save_view(user: Any, params: Mapping[str, str], wanted: Wanted, *, now: datetime) -> SavedView:
    """Keep the filter of an address under a name; a view of this name is overwritten.

    Raises:
        ViewRefused: no name or a long one, too many views, nothing to keep, or a filter with errors.
    """
    name = _name(wanted.name)
    kept = {key: params[key] for key in KEPT_PARAMS if params.get(key, "").strip()}
    errors = read_filter(kept).errors
    if errors:
        raise ViewRefused("; ".join(errors.values()))
    if not kept:
        raise ViewRefused(_("There is nothing to keep: choose a filter, a search or an order first."))
    others = SavedView.objects.filter(owner=user).exclude(name=name)
    if others.count() >= MOST_VIEWS:
        raise ViewRefused(_("You have %(most)s views already: delete one first.") % {"most": MOST_VIEWS})
    with transaction.atomic():
        view, _made = SavedView.objects.update_or_create(
            owner=user, name=name, defaults={"params": kept, "is_shared": wanted.is_shared}, create_defaults={
                "params": kept, "is_shared": wanted.is_shared, "created_at": now,
            },
        )  # fmt: skip
        _open_with(user, view, opens=wanted.opens)
    return view


def change_view(user: Any, view_id: int, wanted: Wanted) -> SavedView:
    """Rename a view, share it or not, open the list with it or not. Of a colleague's view only the last.

    Raises:
        SavedView.DoesNotExist: there is none that the user may see.
        ViewRefused: a bad name, or one that another view of the user has.
    """
    view = _visible(user, view_id)
    with transaction.atomic():
        if view.owner_id == user.pk:
            view.name, view.is_shared = _name(wanted.name), wanted.is_shared
            try:
                with transaction.atomic():
                    view.save()
            except IntegrityError as error:
                raise ViewRefused(_("You have a view of this name already.")) from error
        _open_with(user, view, opens=wanted.opens)
    return view


def delete_view(user: Any, view_id: int) -> bool:
    """Delete a view of one's own; an administrator may delete shared ones. Tells whether it was there and allowed."""
    mine = Q(owner=user) | Q(is_shared=True) if user.is_superuser else Q(owner=user)
    return bool(SavedView.objects.filter(mine, pk=view_id).delete()[0])


def choose_columns(user: Any, names: Sequence[str], *, known: Sequence[str]) -> None:
    """Keep the columns of the list in the order of `known`; none means the usual ones.

    Raises:
        ViewRefused: more than fit.
    """
    chosen = [name for name in known if name in set(names)]
    if len(chosen) > MOST_COLUMNS:
        raise ViewRefused(_("Choose at most %(most)s columns.") % {"most": MOST_COLUMNS})
    ListChoice.objects.update_or_create(user=user, defaults={"columns": chosen})


def _visible(user: Any, view_id: int) -> SavedView:
    return SavedView.objects.get(Q(owner=user) | Q(is_shared=True), pk=view_id)


def _open_with(user: Any, view: SavedView, *, opens: bool) -> None:
    if opens:
        ListChoice.objects.update_or_create(user=user, defaults={"opens_with": view})
    else:
        ListChoice.objects.filter(user=user, opens_with=view).update(opens_with=None)


def _name(text: str) -> str:
    name = text.strip().replace("\0", "")
    if not name or len(name) > LONGEST_NAME:
        raise ViewRefused(_("Name the view, with at most %(most)s characters.") % {"most": LONGEST_NAME})
    return name
