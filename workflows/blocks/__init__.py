"""The kinds of blocks, one module a group; importing this package registers them."""

from workflows.blocks import conditions, contact, flow, messages, task, time

__all__ = ["conditions", "contact", "flow", "messages", "task", "time"]
