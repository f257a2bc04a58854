"""The search box finds people by identifier first, then by any part of a name."""

import pytest
from django.db import connection

from contacts.models import Contact
from tests.contacts.people import someone, upsert

pytestmark = pytest.mark.django_db


@pytest.fixture
def olena():
    [outcome] = upsert(
        someone("X7", "E1", "P1", fields={"first_name": "Olena", "last_name": "Kovalenko 50%"})
    )
    upsert(someone("X8", "E2", fields={"first_name": "Ihor"}))
    return outcome.contact_id


@pytest.mark.parametrize(
    "text",
    [
        "id:{id}",
        "extid:X7",
        "E1@Example.com",
        "+38 (050) 000-00-01",
        "kovalenko",
        "OLENA",
        "50%",
        "lena Kov",
    ],
)
def test_found(olena, text):
    assert [c.pk for c in Contact.objects.search(text.replace("{id}", str(olena)))] == [olena]


@pytest.mark.parametrize(
    "text", ["id:0", "id:x", "id:99999999999999999999999", "extid:x7", "nobody", "_lena", "a\0b", "%"]
)
def test_not_found(olena, text):
    expected = [olena] if text == "%" else []
    assert [c.pk for c in Contact.objects.search(text)] == expected


def test_an_empty_search_finds_everybody(olena):
    assert Contact.objects.search("  ").count() == 2


def test_the_trigram_index_serves_it(olena):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan TO off")
    assert "contact_search" in Contact.objects.search("kovalenko").explain()


@pytest.mark.parametrize(
    "text",
    [
        "irem",
        "IREM",
        "\u0130rem",
        "kelvin",
        "\u212aelvin",
        "ковАЛЬ",
        "КОВАЛЬ",
        "ß",
        "50%",
        "a_b",
        "a\\b",
        "o'n",
        "rem kel",
        "zq",
    ],
)
def test_rows_passed_one_by_one_are_compared_as_the_index_compares(text):
    """Letters that fold to ASCII, letters that do not, and characters that patterns know."""
    names = (
        "\u0130rem \u212aelvin",
        "irem kelvin",
        "Ковальчук",
        "коваль",
        "Straße",
        "50% a_b",
        "a\\b O'Neil",
    )
    upsert(*(someone(f"X{n}", fields={"first_name": name}) for n, name in enumerate(names)))
    term = Contact.objects.understand(text)
    found = {row.first_name for row in Contact.objects.of_term(term)}
    assert {row.first_name for row in Contact.objects.comparing(term)} == found
    assert found or text == "zq"
