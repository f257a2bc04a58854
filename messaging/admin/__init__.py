"""Screens of messages, campaigns, deliveries, connections, senders, bounces and reports."""

from messaging.admin import campaigns, connections, deliveries, feedback, messages, reports

__all__ = ["campaigns", "connections", "deliveries", "feedback", "messages", "reports"]
