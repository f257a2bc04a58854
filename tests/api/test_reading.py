"""Lists of contacts, segments and fields (API document, 8, 9.11, 10)."""

import pytest

from contacts.models import ContactList, ListMember
from tests.api.test_contact import OLENA, add

pytestmark = pytest.mark.django_db


@pytest.fixture
def people(api):
    return [
        add(api, **OLENA),
        add(api, firstName="olena", channels=[{"type": "email", "value": "second@example.com"}]),
        add(api, firstName="Ihor", externalCustomerId="A-9"),
    ]


def ids(reply):
    assert reply.status_code == 200, reply.text
    return [row["id"] for row in reply.json()]


def test_it_works(api, people):
    reply = api.get("contacts")
    assert ids(reply) == people
    assert reply.headers["TotalCount"] == "3"
    assert "groups" not in reply.json()[0]


CONDITIONS = [
    ("email=OLENA@example.com", [0]),
    ("sms=%2B38%20050%20000%2000%2001", [0]),
    ("firstname=OLENA", [0, 1]),
    ("firstname=olena&lastname=kovalenko", [0]),
    ("firstname=olen", []),
    ("externalCustomerId=17", [0]),
    ("externalCustomerId=A-9", [2]),
    ("email=nobody@example.com", []),
    ("email=nonsense", []),
    ("sms=abc", []),
    ("email=", [0, 1, 2]),
    ("unknown=1", [0, 1, 2]),
    ("maxrows=2", [0, 1]),
    ("startindex=2", [1, 2]),
    ("startindex=2&maxrows=1&sortBy=contactId", [1]),
    ("startindex=0&maxrows=0", [0]),
    ("startindex=abc&maxrows=99999", [0, 1, 2]),
    ("startindex=99", []),
    ("firstname=%25", []),
    ("firstname=a%00b", []),
]


@pytest.mark.parametrize(("query", "expected"), CONDITIONS)
def test_search(api, people, query, expected):
    assert ids(api.get(f"contacts?{query}")) == [people[place] for place in expected]


def test_search_by_external_id_stands_alone(api):
    reply = api.get("contacts?externalCustomerId=1&email=a@b.com")
    assert reply.status_code == 400
    assert "externalCustomerId" in reply.text


def test_deleted_contacts_are_not_listed(api, people):
    api.delete(f"contact/{people[0]}")
    reply = api.get("contacts?sortBy=contactId")
    assert ids(reply) == people[1:]
    assert reply["TotalCount"] == "2"


@pytest.mark.parametrize(
    "form", ["ids={0},{1}", "ids={0}&ids={1}", "ids={0},,{1}&ids={0}&ids=99999999999999999999"]
)
def test_emails_of_contacts(api, people, form):
    reply = api.get("contacts/email?" + form.format(people[0], people[2]))
    assert reply.json() == {"results": [{"contactId": people[0], "email": "Olena@example.com"}]}


@pytest.mark.parametrize("query", ["", "ids=", "ids=abc", "ids=" + ",".join(["1"] * 2) + ",x"])
def test_emails_need_ids(api, query):
    assert api.get(f"contacts/email?{query}").status_code == 400


@pytest.fixture
def groups(api):
    return [
        ContactList.objects.create(
            name=name, created_at="2026-01-01T00:00Z", updated_at="2026-01-01T00:00Z"
        ).pk
        for name in ("Newsletter", "VIP", "Old news")
    ]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", [0, 1, 2]),
        ("name=", [0, 1, 2]),
        ("name=news", [0, 2]),
        ("name=%25", []),
        ("maxrows=1&startindex=2", [1]),
    ],
)
def test_groups(api, groups, query, expected):
    reply = api.get(f"groups?{query}")
    assert ids(reply) == [groups[place] for place in expected]
    assert all(set(row) == {"id", "name", "type"} for row in reply.json())


def test_attach_read_and_detach(api, people, groups):
    path = f"group/{groups[0]}/contacts"
    reply = api.post(f"{path}/attach", {"contactIds": [people[2], str(people[0]), 424242]})
    assert reply.status_code == 200
    assert reply.text
    assert api.post(f"{path}/attach", {"externalCustomerId": "A-9"}).status_code == 200
    listed = api.get(path)
    assert ids(listed) == [people[0], people[2]]
    assert listed["TotalCount"] == "2"
    ListMember.objects.filter(contact_id=people[2]).update(added_at="2026-01-01T00:00Z")
    assert ids(api.get(f"{path}?orderByTs=true")) == [people[2], people[0]]
    assert ids(api.get(f"{path}?orderByTs=true&asc=false")) == [people[0], people[2]]
    assert api.post(f"{path}/detach", {"externalCustomerIds": ["A-9"]}).status_code == 200
    assert ids(api.get(path)) == [people[0]]
    assert api.post(f"{path}/detach").status_code == 200  # no body: everybody
    assert ids(api.get(path)) == []


@pytest.mark.parametrize(
    ("action", "body", "words"),
    [
        ("attach", None, "contactIds"),
        ("attach", {"contactIds": []}, "contactIds"),
        ("attach", {"contactIds": list(range(1, 502))}, "at most 500"),
        ("attach", {"contactIds": [1], "externalCustomerIds": ["1"]}, "externalCustomerIds"),
        ("detach", {"contactIds": ["abc"]}, "contactIds[0]"),
    ],
)
def test_bad_attachments(api, groups, action, body, words):
    reply = api.post(f"group/{groups[0]}/contacts/{action}", body)
    assert reply.status_code == 400
    assert words in reply.text


def test_detaching_by_unknown_external_ids_removes_nobody(api, people, groups):
    path = f"group/{groups[0]}/contacts"
    api.post(f"{path}/attach", {"contactIds": [people[0]]})
    assert api.post(f"{path}/detach", {"externalCustomerIds": ["nobody"]}).status_code == 200
    assert ids(api.get(path)) == [people[0]]


@pytest.mark.parametrize("path", ["group/424242/contacts", "group/99999999999/contacts"])
def test_an_unknown_group(api, path):
    for reply in (api.get(path), api.post(f"{path}/attach", {"contactIds": [1]}), api.post(f"{path}/detach")):
        assert reply.status_code == 404
        assert "not found" in reply.text


def test_the_catalogue(api):
    book = api.get("addressbooks").json()["addressBook"]
    assert isinstance(book["addressBookId"], int)
    assert [group["profileKey"] for group in book["fieldGroups"]] == ["PERSONAL", "ACCESSORIAL"]
    birthday, gender = book["fieldGroups"][0]["fields"]
    assert (birthday["fieldKey"], birthday["description"]["type"]) == ("BIRTHDAY", "date")
    assert gender["description"] == {
        "type": "combobox", "required": False, "readonly": False, "allowedValues": {"possibleValues": ["m", "f"]},
    }  # fmt: skip
    assert [row["fieldKey"] for row in api.get("additionalfields").json()][:2] == ["BIRTHDAY", "GENDER"]


@pytest.mark.parametrize("size", [3, 30])
def test_queries_do_not_grow_with_the_rows(api, django_assert_max_num_queries, size):
    for number in range(size):
        add(
            api,
            externalCustomerId=f"c{number}",
            channels=[{"type": "mobilepush", "value": f"T{number}", "device": {"os": "iOS"}}],
        )
    api.get("version")
    with django_assert_max_num_queries(5):
        assert len(api.get("contacts").json()) == size
