"""Users and roles: who works here, and what each may do."""

from typing import Any

from django import forms
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import ReadOnlyPasswordHashWidget
from django.contrib.auth.models import Group, Permission, User
from django.contrib.contenttypes.models import ContentType
from django.db.models import Count
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from cdp.ui.admin import ListAdmin, Order, View
from cdp.ui.formatting import moment
from cdp.ui.seeded import seeded
from cdp.ui.status import status_pill

for stock in (User, Group):
    admin.site.unregister(stock)

WORDS = {
    "view": gettext_lazy("see"),
    "add": gettext_lazy("create"),
    "change": gettext_lazy("change"),
    "delete": gettext_lazy("delete"),
}
ORDER = {"view": 0, "add": 1, "change": 2, "delete": 3}


class ColleagueForm(UserChangeForm):  # type: ignore[misc]
    """Django's form in our words."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password"].widget = PasswordLink()
        words = {
            "username": (_("User name"), _("For signing in: letters, digits and @ . + - _")),
            "password": (_("Password"), ""),
            "email": (_("E-mail"), ""),
            "is_active": (
                _("May sign in"),
                _("Switch off for a colleague who left; what they did keeps their name."),
            ),
            "is_staff": (_("May use this admin"), ""),
            "is_superuser": (_("Administrator"), _("Has every right, whatever the roles say.")),
            "groups": (_("Roles"), ""),
        }
        for name, (label, text) in words.items():
            if name in self.fields:
                self.fields[name].label, self.fields[name].help_text = label, text


@admin.register(User)
class ColleagueAdmin(UserAdmin, ListAdmin):  # type: ignore[misc]
    """Colleagues. Only an administrator makes another, or changes one."""

    form = ColleagueForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("colleague", "roles", "state", "seen")
    list_filter = ()
    ordering = ("-id",)
    orders = (Order("", "", ("-id",)),)
    search_fields = ("username", "first_name", "last_name", "email")
    search_help_text = gettext_lazy("name, user name, e-mail")
    views = (
        View("", gettext_lazy("All")),
        View("active", gettext_lazy("May sign in"), lambda rows: rows.filter(is_active=True)),
        View("off", gettext_lazy("Switched off"), lambda rows: rows.filter(is_active=False)),
    )
    filter_horizontal = ()
    fieldsets = (
        (None, {"fields": ("username", "password", "first_name", "last_name", "email")}),
        (gettext_lazy("Rights"), {"fields": ("is_active", "is_staff", "is_superuser", "groups")}),
        (gettext_lazy("History"), {"fields": ("seen", "joined")}),
    )
    readonly_fields = ("seen", "joined")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("groups")

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and db_field.name == "groups":  # roles are made on their own page
            field.widget.can_add_related = field.widget.can_change_related = field.widget.can_view_related = (
                False
            )
        return field

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "groups":
            found = db_field.formfield(widget=forms.CheckboxSelectMultiple())
            found.label_from_instance = lambda role: seeded(role.name)
            return found
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        user: Any = request.user
        return self.readonly_fields if user.is_superuser else (*self.readonly_fields, "is_superuser")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        user: Any = request.user
        allowed = super().has_change_permission(request, obj)
        return allowed and (obj is None or user.is_superuser or not obj.is_superuser)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Colleagues are switched off: their name stands in the history of what they did."""
        return False

    @admin.display(description=gettext_lazy("User"))
    def colleague(self, row: Any) -> SafeString:
        below = " · ".join(part for part in (row.username if row.get_full_name() else "", row.email) if part)
        return format_html(
            '<span class="ui-strong ui-wrap">{}</span><br><span class="ui-meta ui-wrap">{}</span>',
            row.get_full_name() or row.username, below,
        )  # fmt: skip

    @admin.display(description=gettext_lazy("Roles"))
    def roles(self, row: Any) -> str:
        names = [_("Administrator")] if row.is_superuser else []
        return ", ".join([*names, *(seeded(group.name) for group in row.groups.all())]) or "—"

    @admin.display(description=gettext_lazy("May sign in"))
    def state(self, row: Any) -> SafeString:
        return status_pill("switch", "on" if row.is_active else "off")

    @admin.display(description=gettext_lazy("Last sign-in"))
    def seen(self, row: Any) -> SafeString:
        return moment(row.last_login)

    @admin.display(description=gettext_lazy("Added"))
    def joined(self, row: Any) -> SafeString:
        return moment(row.date_joined)


class PasswordLink(ReadOnlyPasswordHashWidget):
    """That there is a password, and the way to a new one; how it is kept is nobody's business."""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        return render_to_string("ui/password.html")


class RightsGrid(forms.CheckboxSelectMultiple):
    """One row a subject, one box a right."""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        return render_to_string("ui/rights.html", self.get_context(name, value, attrs))

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        chosen = {str(part) for part in value or ()}
        tables: dict[Any, dict[Any, list[dict[str, Any]]]] = {}
        for right in sorted(visible_rights(), key=place_of):
            kind = right.content_type
            model = kind.model_class()
            subject = str(model._meta.verbose_name_plural) if model else kind.model
            table = tables.setdefault(apps.get_app_config(kind.app_label).verbose_name, {})
            box = {"value": right.pk, "label": word_of(right), "is_chosen": str(right.pk) in chosen}
            table.setdefault(subject[:1].upper() + subject[1:], []).append(box)
        found = [(title, list(rows.items())) for title, rows in tables.items()]
        return super().get_context(name, value, attrs) | {"tables": found, "name": name}


def visible_rights() -> Any:
    """Rights to what has a screen: others open nothing to a person."""
    kinds = ContentType.objects.get_for_models(*admin.site._registry, for_concrete_models=False).values()
    return Permission.objects.filter(content_type__in=[kind.pk for kind in kinds]).select_related(
        "content_type"
    )


def place_of(right: Permission) -> tuple[str, str, int]:
    kind = right.content_type
    return kind.app_label, kind.model, ORDER.get(right.codename.partition("_")[0], len(ORDER))


def word_of(right: Permission) -> Any:
    """`see`, `create` …; a right of another kind by its own name."""
    verb, _line, model = right.codename.partition("_")
    return WORDS[verb] if verb in WORDS and model == right.content_type.model else _(right.name)


class RoleForm(forms.ModelForm):  # type: ignore[type-arg]
    permissions = forms.ModelMultipleChoiceField(
        label=gettext_lazy("Rights"), required=False, widget=RightsGrid, queryset=Permission.objects.none()
    )

    class Meta:
        model = Group
        fields = ("name", "permissions")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["permissions"].queryset = visible_rights()  # type: ignore[attr-defined]

    def clean_permissions(self) -> list[Permission]:
        """Rights the grid does not show stay as they are."""
        kept = self.instance.permissions.exclude(pk__in=visible_rights()) if self.instance.pk else ()
        return [*self.cleaned_data["permissions"], *kept]


@admin.register(Group)
class RoleAdmin(ListAdmin):
    """Roles: named sets of rights."""

    noun, nouns = gettext_lazy("role"), gettext_lazy("roles")
    form = RoleForm
    list_display = ("title", "rights", "colleagues")
    ordering = ("-id",)
    orders = (Order("", "", ("-id",)),)

    def get_queryset(self, request: HttpRequest) -> Any:
        counted = super().get_queryset(request)
        return counted.annotate(
            right_count=Count("permissions", distinct=True), user_count=Count("user", distinct=True)
        )

    @admin.display(description=gettext_lazy("Role"))
    def title(self, row: Any) -> str:
        return seeded(row.name)

    @admin.display(description=gettext_lazy("Rights"))
    def rights(self, row: Any) -> int:
        return int(row.right_count)

    @admin.display(description=gettext_lazy("Users"))
    def colleagues(self, row: Any) -> int:
        return int(row.user_count)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """The roles alone: their links to rights and users go with them, and naming each says nothing."""
        count = {str(self.nouns): len(objs)}
        return [seeded(role.name) for role in objs], count, set(), []
