"""Channels: adapters that hand messages to providers, one kind of connection each, registered like engines."""
