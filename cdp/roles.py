"""First roles of an installation; what an administrator changes in them is never changed again."""

from django.contrib.auth.models import Group, Permission
from django.db.models import Q

# Role → permissions as app.codename; `*` stands for any ending.
ROLES: dict[str, tuple[str, ...]] = {
    "Marketer": (
        "contacts.view_*", "contacts.add_contact", "contacts.change_contact", "contacts.delete_contact",
        "contacts.add_contactlist", "contacts.change_contactlist", "contacts.delete_contactlist",
        "contacts.add_contactfield", "contacts.change_contactfield", "contacts.add_fieldgroup", "contacts.change_fieldgroup",
        "contacts.add_subscriptioncategory", "contacts.change_subscriptioncategory", "contacts.export_contact",
        "contacts.merge_contact",
        "events.view_*", "events.add_eventtype", "events.change_eventtype", "events.add_eventparameter",
        "events.change_eventparameter", "events.delete_eventparameter", "events.change_quarantinedevent",
        "segments.view_*", "segments.add_segment", "segments.change_segment", "segments.delete_segment",
        "messaging.view_*", "messaging.add_message", "messaging.change_message", "messaging.send_test",
        "messaging.add_campaign", "messaging.change_campaign", "messaging.delete_campaign", "messaging.launch_campaign",
        "messaging.add_sender", "messaging.change_sender",
        "workflows.view_*", "workflows.add_workflow", "workflows.change_workflow", "workflows.publish_workflow",
        "workflows.activate_workflow", "workflows.launch_workflow",
        "cdp.view_account", "cdp.view_enginestate",
    ),
    "Viewer": ("contacts.view_contact", "contacts.view_contactlist", "events.view_event", "events.view_eventtype",
               "segments.view_segment", "workflows.view_workflow", "messaging.view_message", "messaging.view_campaign",
               "messaging.view_messagereport", "messaging.view_delivery"),
    "Integrator": ("partners.*", "events.view_*", "contacts.view_importsession", "contacts.view_contactfield",
                   "cdp.view_enginestate"),
}  # fmt: skip


def ensure_roles() -> list[str]:
    """Make the roles that are missing, with their permissions; returns their names. Run it after migrations."""
    present = set(Group.objects.values_list("name", flat=True))
    missing = [name for name in ROLES if name not in present]
    for name in missing:
        Group.objects.create(name=name).permissions.set(permissions(ROLES[name]))
    return missing


def permissions(patterns: tuple[str, ...]) -> list[Permission]:
    """Permissions that fit the patterns."""
    wanted = Q(pk__in=[])
    for pattern in patterns:
        app, _, codename = pattern.partition(".")
        end = (
            {"codename__startswith": codename.rstrip("*")}
            if codename.endswith("*")
            else {"codename": codename}
        )
        wanted |= Q(content_type__app_label=app, **end)
    return list(Permission.objects.filter(wanted))
