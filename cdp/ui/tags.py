"""Template tags of the admin's own parts: `{% load ui %}`."""

from typing import Any

from django import template
from django.urls import NoReverseMatch, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from cdp.ui import formatting, navigation, status

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
    request = context.get("request")
    found = []
    for label, name, permission in links or ():
        if permission and (request is None or not request.user.has_perm(permission)):
            continue
        try:
            found.append((label, name if name.startswith(("/", "http")) else reverse(name)))
        except NoReverseMatch:
            continue
    return found


@register.simple_tag
def ui_word(kind: str, value: Any) -> Any:
    """The word of a state; other texts as they are."""
    found = status.registry.get(kind, {}).get(str(value))
    return found.word if found else value


@register.simple_tag(takes_context=True)
def ui_crumbs(context: Any) -> list[navigation.Crumb]:
    """The way to this page. A form of a record is named by it, the form of a new one by what is made."""
    opts, record = context.get("opts"), context.get("original") or context.get("object")
    title = context.get("title", "")
    if record is None and context.get("add") and opts is not None:
        form = context.get("adminform")
        noun = getattr(getattr(form, "model_admin", None), "noun", "") or opts.verbose_name
        title = _("Create %(name)s") % {"name": noun}
    return navigation.crumbs(context["request"], title=title, record=record)
