from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SegmentsConfig(AppConfig):
    name = "segments"
    verbose_name = _("Audience")

    def ready(self) -> None:
        from cdp.hooks import contacts_changed, events_processed, persons_erased, persons_moved
        from contacts import field_uses, groups, persons
        from segments import engines, handlers, screens
        from segments.groups import DynamicGroups
        from segments.leaves.channel import ChannelLeaf
        from segments.leaves.event import EventLeaf
        from segments.leaves.field import FieldLeaf
        from segments.leaves.membership import CategoryLeaf, ListLeaf, SegmentLeaf
        from segments.leaves.random import RandomLeaf
        from segments.leaves.registry import register_leaf
        from segments.services.definitions import segments_using, segments_using_fields
        from segments.services.uses import register_use_finder

        for leaf in (CategoryLeaf, ChannelLeaf, EventLeaf, FieldLeaf, ListLeaf, RandomLeaf, SegmentLeaf):
            register_leaf(leaf)
        contacts_changed.connect(handlers.on_contacts_changed)
        events_processed.connect(handlers.on_events_processed, types=handlers.event_types_read)
        persons_moved.connect(handlers.on_persons_moved)
        persons_erased.connect(handlers.on_persons_erased)
        persons.register(
            persons.PersonTable("segments_membershipchange"),
            persons.PersonTable("segments_dirty", on_erase="keep"),
            persons.PersonTable("segments_meanwhile", on_erase="keep"),
        )
        register_use_finder("segments", segments_using)
        field_uses.register("segments", segments_using_fields)
        groups.register(DynamicGroups())
        engines.register_all()
        screens.register_all()
