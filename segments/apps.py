from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SegmentsConfig(AppConfig):
    name = "segments"
    verbose_name = _("Audience")

    def ready(self) -> None:
        from segments.leaves.channel import ChannelLeaf
        from segments.leaves.event import EventLeaf
        from segments.leaves.field import FieldLeaf
        from segments.leaves.membership import CategoryLeaf, ListLeaf, SegmentLeaf
        from segments.leaves.random import RandomLeaf
        from segments.leaves.registry import register_leaf

        for leaf in (CategoryLeaf, ChannelLeaf, EventLeaf, FieldLeaf, ListLeaf, RandomLeaf, SegmentLeaf):
            register_leaf(leaf)
