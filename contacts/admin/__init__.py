"""Screens of the audience: contacts and their card, lists, fields, categories, bulk requests."""

from contacts.admin import catalogue, contact, duplicates, fields, jobs

__all__ = ["catalogue", "contact", "duplicates", "fields", "jobs"]
