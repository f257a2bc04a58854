"""A person on whose card tests act, and what the actions are about."""

import pytest
from django.apps import apps
from django.utils import timezone

from contacts.services.lists import ensure_lists
from tests.contacts.people import someone, upsert
from tests.workflows.flows import node, row_of, workflow


@pytest.fixture
def person():
    [outcome] = upsert(someone("X1", "E1", "P1", fields={"first_name": "Olena"}))
    return outcome.contact_id


@pytest.fixture
def category():
    now = timezone.now()
    model = apps.get_model("contacts", "SubscriptionCategory")
    number = ensure_lists(["News"], now=now)["News"]
    return model.objects.create(name="News", key="news", list_id=number, created_at=now, updated_at=now)


@pytest.fixture
def flow():
    return workflow(row_of(node("checkpoint", name="here")), is_active=False)
