"""Template tags of the admin's own parts: `{% load ui %}`."""

from typing import Any

from django import template
from django.urls import NoReverseMatch, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, override

from cdp.ui import formatting, jobs, navigation, status

register = template.Library()


@register.filter
def ui_moment(value: Any) -> SafeString:
    return formatting.moment(value)


@register.filter
def ui_number(value: Any) -> str:
    return formatting.number(value)


@register.filter
def ui_tree(value: Any) -> SafeString:
    return formatting.tree(value)


@register.filter
def ui_mask(value: Any, kind: str = "text") -> str:
    """A value without what tells a person: `email`, `phone` or any text."""
    text = str(value or "")
    masks = {"email": formatting.mask_email, "phone": formatting.mask_phone}
    return masks.get(kind, formatting.mask_text)(text)


@register.simple_tag
def ui_pill(kind: str, value: Any) -> SafeString:
    return status.status_pill(kind, value)


@register.simple_tag(takes_context=True)
def ui_links(context: Any, links: Any) -> list[tuple[Any, str]]:
    """(label, address) of the links the user may follow; addresses are names of URLs or ready ones."""
    # Results of a list are drawn in a context of their own.
    request = context.get("request") or getattr(context.get("cl"), "request", None)
    found = []
    for label, name, permission in links or ():
        if permission and (request is None or not request.user.has_perm(permission)):
            continue
        try:
            found.append((label, name if name.startswith(("/", "http")) else reverse(name)))
        except NoReverseMatch:
            continue
    return found


# Whole sentences for languages that inflect the name; `ui_create` finds them by what English makes of it.
CREATE = (
    gettext_noop("Create contact"), gettext_noop("Create list"), gettext_noop("Create additional field"),
    gettext_noop("Create field group"), gettext_noop("Create subscription category"), gettext_noop("Create event type"),
    gettext_noop("Create API key"), gettext_noop("Create user"), gettext_noop("Create role"),
    gettext_noop("Create schedule"),
)  # fmt: skip


@register.simple_tag
def ui_create(opts: Any, noun: Any = "") -> str:
    """`Create list`: as a whole when the catalogue has it, else with the name as it is. `noun` stands for the model's name."""
    name = noun or opts.verbose_name
    with override("en"):
        english = _("Create %(name)s") % {"name": name}
    said = _(english)
    return said if said != english else _("Create %(name)s") % {"name": name}


@register.simple_tag
def ui_counted(page: Any) -> str:
    """How many rows a list has and of what; the translation decides how the two stand together."""
    is_capped = getattr(page, "is_count_capped", False)
    count = formatting.number(page.result_count) + ("+" if is_capped else "")
    if getattr(page, "estimate", 0):
        count = f"≈ {formatting.number(page.estimate)}"
    screen = getattr(page, "model_admin", None)
    one = getattr(screen, "noun", "") or page.opts.verbose_name
    many = getattr(screen, "nouns", "") or page.opts.verbose_name_plural
    return _("%(count)s %(name)s") % {"count": count, "name": one if page.result_count == 1 else many}


@register.simple_tag
def ui_word(kind: str, value: Any) -> Any:
    """The word of a state; other texts as they are."""
    found = status.registry.get(kind, {}).get(str(value))
    return found.word if found else value


@register.simple_tag(takes_context=True)
def ui_has_tray(context: Any) -> bool:
    """Whether the user has a tray of jobs."""
    request = context.get("request")
    return request is not None and jobs.has_tray(request.user)


@register.simple_tag(takes_context=True)
def ui_crumbs(context: Any) -> list[navigation.Crumb]:
    """The way to this page. A form of a record is named by it, the form of a new one by what is made."""
    opts, record = context.get("opts"), context.get("original") or context.get("object")
    title = context.get("title", "")
    if record is None and context.get("add") and opts is not None:
        form = context.get("adminform")
        title = ui_create(opts, getattr(getattr(form, "model_admin", None), "noun", ""))
    return navigation.crumbs(context["request"], title=title, record=record)
