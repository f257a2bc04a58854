"""Names the product gives to its first rows: English in the database, shown in the reader's language until renamed."""

from django.utils.translation import pgettext, pgettext_lazy

NAMES = (
    # Field groups and additional fields
    pgettext_lazy("seeded", "Personal"),
    pgettext_lazy("seeded", "Birthday"),
    pgettext_lazy("seeded", "Gender"),
    pgettext_lazy("seeded", "Accessorial"),
    pgettext_lazy("seeded", "Company"),
    pgettext_lazy("seeded", "Comment"),
    # Event types
    pgettext_lazy("seeded", "Subscription confirmed"),
    pgettext_lazy("seeded", "New contact imported"),
    pgettext_lazy("seeded", "Form filled in"),
    pgettext_lazy("seeded", "Message sent"),
    pgettext_lazy("seeded", "Message delivered"),
    pgettext_lazy("seeded", "Message not delivered"),
    pgettext_lazy("seeded", "Message opened"),
    pgettext_lazy("seeded", "Link in a message clicked"),
    pgettext_lazy("seeded", "Unsubscribed by a message"),
    pgettext_lazy("seeded", "Complained about a message"),
    # Roles
    pgettext_lazy("seeded", "Marketer"),
    pgettext_lazy("seeded", "Viewer"),
    pgettext_lazy("seeded", "Integrator"),
    # Schedules
    pgettext_lazy("seeded", "keep partitions"),
    pgettext_lazy("seeded", "forget old intake"),
    pgettext_lazy("seeded", "forget old bulk requests"),
    pgettext_lazy("seeded", "switch off idle API keys"),
    pgettext_lazy("seeded", "forget request fingerprints"),
    pgettext_lazy("seeded", "drop expired events"),
    pgettext_lazy("seeded", "delete old exports"),
    pgettext_lazy("seeded", "count contacts"),
    pgettext_lazy("seeded", "forget merges"),
    pgettext_lazy("seeded", "keep partitions of launch steps"),
    pgettext_lazy("seeded", "forget old launches"),
    pgettext_lazy("seeded", "forget old changes of membership"),
    pgettext_lazy("seeded", "end blocks of addresses"),
    pgettext_lazy("seeded", "assume silent messages delivered"),
    pgettext_lazy("seeded", "forget notices of bounces"),
    pgettext_lazy("seeded", "keep partitions of messages"),
    pgettext_lazy("seeded", "forget keys of provider events"),
)


def seeded(name: str) -> str:
    """The name of a row as the reader sees it: translated when the product gave it, else as it is."""
    return pgettext("seeded", name)
