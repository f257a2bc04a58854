"""Screens of messages, campaigns, deliveries, connections and senders."""

from messaging.admin import campaigns, connections, deliveries, messages

__all__ = ["campaigns", "connections", "deliveries", "messages"]
