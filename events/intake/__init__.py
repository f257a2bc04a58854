"""Accepting events: read, check, commit, answer (docs/architecture.md)."""
