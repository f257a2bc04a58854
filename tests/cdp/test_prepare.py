"""What `manage.py prepare` makes in an empty database, once."""

import pytest
from django.contrib.auth.models import Group
from django.core.management import call_command

from cdp.roles import ROLES

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_files(monkeypatch):
    monkeypatch.setattr("cdp.management.commands.prepare.Command._collect_static", lambda _self: None)


def test_the_first_roles_are_made_with_their_permissions_and_never_changed_again():
    call_command("prepare", "--no-demo")
    assert set(Group.objects.values_list("name", flat=True)) == set(ROLES)
    marketer = Group.objects.get(name="Marketer")
    assert marketer.permissions.filter(codename="merge_contact").exists()
    marketer.permissions.clear()
    Group.objects.get(name="Viewer").delete()
    call_command("prepare", "--no-demo")
    assert not Group.objects.filter(name="Viewer").exists()
    assert not Group.objects.get(name="Marketer").permissions.exists()
