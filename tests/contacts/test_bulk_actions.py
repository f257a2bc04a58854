"""Actions on many contacts: what each does, who may, what is refused, and that a condition is kept, not people."""

from datetime import timedelta

import pytest
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission

from cdp.hooks import contacts_changed
from contacts.filters import read_filter
from contacts.models import (
    Address,
    BulkAction,
    Contact,
    ContactAudit,
    ContactField,
    ContactJob,
    ContactList,
    FieldGroup,
    JobState,
    Key,
    ListMember,
    SubscriptionCategory,
    SubscriptionChoice,
)
from contacts.services import bulk_actions
from contacts.services.bulk_actions import BulkRefused, Selection
from contacts.services.jobs import cancel_job, change_many, work_job
from contacts.services.lists import add_to_list, ensure_lists
from contacts.services.subscriptions import opt_out_many
from tests.contacts.people import NOW, someone, upsert

pytestmark = pytest.mark.django_db
LIST = "/admin/contacts/contact/"
SIZE = 23


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch):
    monkeypatch.setattr(bulk_actions, "CHUNK", 5)


@pytest.fixture
def ids():
    made = upsert(*(someone(f"X{n}", f"E{n}", *([f"T{n}"] if n % 2 else [])) for n in range(SIZE)))
    return [outcome.contact_id for outcome in made]


@pytest.fixture
def heard():
    """What segments and workflows would hear: (ids, changes)."""
    found = []

    def listen(batch):
        found.append((list(batch.ids), batch.changes))

    contacts_changed.connect(listen)
    yield found
    contacts_changed.disconnect(listen)


def category():
    number = ensure_lists(["News"], now=NOW)["News"]
    return SubscriptionCategory.objects.create(
        name="News", key="news", list_id=number, created_at=NOW, updated_at=NOW
    )


def run(action, given=None, *, params=None, ids=()):
    """Start a job about everybody of a filter (or these ids) and finish it."""
    selection = Selection(ids=tuple(ids)) if ids else Selection(filter=read_filter(params or {}))
    job = change_many(action, selection, given or {}, total=SIZE, actor="ann", now=NOW)
    while work_job(now=NOW):
        pass
    job.refresh_from_db()
    assert job.state == JobState.FINISHED
    return job


def test_adding_to_a_new_list_reaches_everybody_once(ids):
    job = run("add-to-list", {"name": "Spring"})
    assert (job.done, job.total, job.counts) == (SIZE, SIZE, {"changed": SIZE})
    assert ListMember.objects.filter(list__name="Spring").count() == SIZE
    assert job.title == "Add to a list: Spring"
    again = run("add-to-list", {"list": str(ContactList.objects.get(name="Spring").pk)})
    assert again.counts == {"unchanged": SIZE}


def test_only_the_ticked_ones(ids):
    job = run("add-to-list", {"name": "Few"}, ids=ids[3:10])
    assert job.done == 7
    assert set(ListMember.objects.values_list("contact_id", flat=True)) == set(ids[3:10])


def test_who_opted_out_of_a_category_is_not_brought_back(ids):
    news = category()
    opt_out_many(ids[:4], news, actor="them", now=NOW)
    for action, given in (
        ("add-to-list", {"list": str(news.list_id)}),
        ("subscribe", {"category": str(news.pk)}),
    ):
        job = run(action, given)
        assert job.counts["opted_out"] == 4
    assert set(ListMember.objects.values_list("contact_id", flat=True)) == set(ids[4:])
    assert SubscriptionChoice.objects.filter(is_subscribed=True).count() == SIZE - 4


def test_subscribing_and_opting_out(ids):
    news = category()
    assert run("subscribe", {"category": str(news.pk)}).counts == {"changed": SIZE}
    assert run("opt-out", {"category": str(news.pk)}, ids=ids[:6]).counts == {"changed": 6}
    assert ListMember.objects.count() == SIZE - 6
    out = SubscriptionChoice.objects.filter(is_subscribed=False)
    assert set(out.values_list("contact_id", flat=True)) == set(ids[:6])
    assert set(out.values_list("actor", flat=True)) == {"ann"}


def test_leaving_a_list(ids):
    number = ensure_lists(["Old"], now=NOW)["Old"]
    add_to_list(number, ids[:9], now=NOW)
    job = run("leave-list", {"list": str(number)}, params={"list": str(number)})
    assert (job.done, job.counts) == (9, {"changed": 9})
    assert not ListMember.objects.exists()


def test_a_field_is_set_and_cleared_with_provenance(ids):
    group = FieldGroup.objects.create(name="Shop", key="SHOP")
    field = ContactField.objects.create(group=group, name="Size", key="SIZE", type="integer")
    key = str(field.pk)
    assert run("set-field", {"field": key, "value": "42"}).counts == {"changed": SIZE}
    assert run("set-field", {"field": key, "value": "42"}).counts == {"unchanged": SIZE}
    contact = Contact.objects.get(pk=ids[7])
    assert contact.data == {key: 42}
    assert contact.provenance[f"data.{key}"][1:] == ["manual", "ann"]
    assert run("clear-field", {"field": key}, ids=ids[:3]).counts == {"changed": 3}
    assert Contact.objects.filter(data={}).count() == 3
    run("set-field", {"field": "language", "value": "UK_ua"})
    assert set(Contact.objects.values_list("language", flat=True)) == {"uk-UA"}


def test_channels_are_unsubscribed(ids):
    assert run("unsubscribe", {"channel": "email", "reason": "asked by phone"}).counts == {"changed": SIZE}
    addresses = Address.objects.filter(kind="email")
    assert set(addresses.values_list("status", "reason", "actor")) == {
        ("unsubscribed", "asked by phone", "ann")
    }
    assert run("unsubscribe", {"channel": "phone"}).counts == {"no_address": SIZE}
    assert run("unsubscribe", {"channel": "push"}).counts == {
        "changed": SIZE // 2,
        "unchanged": SIZE - SIZE // 2,
    }
    assert not Key.objects.filter(kind="mobile", is_active=True).exists()


def test_deleting_and_restoring_with_audit(ids):
    job = run("delete", {"reason": "left"}, params={"empty": "phone"})
    assert job.counts == {"changed": SIZE}
    assert set(Contact.objects.values_list("state", "delete_reason")) == {("deleted", "left")}
    assert ContactAudit.objects.filter(action="deleted", actor="ann").count() == SIZE
    assert run("restore", params={"view": "deleted"}).counts == {"changed": SIZE}
    assert set(Contact.objects.values_list("state", flat=True)) == {"active"}
    kept = ContactAudit.objects.filter(action="bulk", contact_id=0).order_by("pk").first()
    assert kept.actor == "ann"
    assert kept.details == {"job": job.pk, "action": "delete", "count": SIZE}


def test_an_exact_search_stays_exact_when_those_it_means_are_gone(ids):
    """Deleting whom an address means must not go on to whose address merely holds it."""
    upsert(someone(email="xe1@example.com", email_norm="xe1@example.com"))
    run("delete", params={"q": "e1@example.com"})
    assert Contact.objects.deleted().count() == 1


def test_segments_hear_of_every_action(ids, heard):
    news = category()
    group = FieldGroup.objects.create(name="Shop", key="SHOP")
    field = ContactField.objects.create(group=group, name="Size", key="SIZE", type="integer")
    acts = [
        ("add-to-list", {"name": "L"}, "list."), ("set-field", {"field": str(field.pk), "value": "1"}, "data."),
        ("subscribe", {"category": str(news.pk)}, f"list.{news.list_id}"), ("opt-out", {"category": str(news.pk)}, f"list.{news.list_id}"),
        ("unsubscribe", {"channel": "email"}, "address.email"), ("unsubscribe", {"channel": "push"}, "key.mobile"),
        ("delete", {}, "state"), ("restore", {}, "state"),
    ]  # fmt: skip
    for action, given, word in acts:
        heard.clear()
        run(action, given, params={"view": "deleted"} if action == "restore" else None)
        words = {found for _ids, changes in heard for change in changes for found in change}
        assert any(found.startswith(word) for found in words), (action, words)
    other = SubscriptionCategory.objects.create(
        name="Sales",
        key="sales",
        list_id=ensure_lists(["Sales"], now=NOW)["Sales"],
        created_at=NOW,
        updated_at=NOW,
    )
    heard.clear()
    run("opt-out", {"category": str(other.pk)})  # nobody was in it: only the choice is new
    assert {found for _ids, changes in heard for change in changes for found in change} == {
        f"category.{other.pk}"
    }


def test_who_came_after_the_question_is_left_out_and_who_fits_no_more_is_passed_over(ids):
    job = change_many("add-to-list", Selection(filter=read_filter({"empty": "town"})), {"name": "L"},
                      total=SIZE, actor="ann", now=NOW)  # fmt: skip
    assert work_job(now=NOW)
    upsert(someone("X999"))
    Contact.objects.filter(pk=ids[-1]).update(town="Lviv")
    while work_job(now=NOW):
        pass
    job.refresh_from_db()
    assert (job.done, job.total) == (SIZE - 1, SIZE - 1)
    assert set(ListMember.objects.values_list("contact_id", flat=True)) == set(ids[:-1])


def test_a_job_whose_filter_names_what_is_gone_fails_and_says_so(ids):
    number = ensure_lists(["VIP"], now=NOW)["VIP"]
    add_to_list(number, ids, now=NOW)
    job = change_many("delete", Selection(filter=read_filter({"list": str(number)})), {},
                      total=SIZE, actor="ann", now=NOW)  # fmt: skip
    assert work_job(now=NOW)
    ContactList.objects.filter(pk=number).delete()
    while work_job(now=NOW):
        pass
    job.refresh_from_db()
    assert (job.state, job.done) == (JobState.FAILED, 5)
    assert f"no list with the id {number}" in job.error
    assert Contact.objects.filter(state="active").count() == SIZE - 5


def test_a_long_filter_is_asked_whole(admin_client, ids):
    """No condition is lost at the end of a long address: that would widen whom it is about."""
    query = "q=" + "%20" * 4_000 + "&email=none"
    page = admin_client.post("/admin/contacts/contact/bulk/delete/", {"query": query, "ids": "", "back": ""})
    assert "Nobody is meant" in page.text
    assert not ContactJob.objects.exists()


def test_a_cancelled_job_keeps_what_was_done(ids):
    job = change_many(
        "add-to-list", Selection(ids=tuple(ids)), {"name": "L"}, total=SIZE, actor="ann", now=NOW
    )
    work_job(now=NOW)
    assert cancel_job(job.pk, now=NOW)
    assert work_job(now=NOW) == 0
    assert ListMember.objects.count() == 5
    job.refresh_from_db()
    assert (job.state, job.done) == (JobState.CANCELLED, 5)


def test_jobs_take_turns(ids):
    """A long job does not keep a short one waiting to its end."""
    long = change_many(
        "add-to-list", Selection(ids=tuple(ids)), {"name": "A"}, total=SIZE, actor="ann", now=NOW
    )
    short = change_many(
        "add-to-list", Selection(ids=tuple(ids[:2])), {"name": "B"}, total=2, actor="ann", now=NOW
    )
    for step in range(1, 3):
        work_job(now=NOW + timedelta(seconds=step))
    long.refresh_from_db()
    short.refresh_from_db()
    assert short.state == JobState.FINISHED
    assert long.done == 5


def test_a_double_click_starts_one_job(ids):
    first, second = (
        change_many("delete", Selection(ids=tuple(ids)), {}, total=SIZE, actor="ann", now=NOW)
        for _ in range(2)
    )
    assert first.pk == second.pk


@pytest.mark.parametrize(
    ("action", "given", "where"),
    [
        ("add-to-list", {}, "list"),
        ("add-to-list", {"name": "x" * 256}, "name"),
        ("leave-list", {"list": "99"}, "list"),
        ("set-field", {"field": "first_name", "value": "Ann"}, "field"),
        ("set-field", {"field": "language", "value": "ukrainian"}, "value"),
        ("set-field", {"field": "town", "value": "x" * 301}, "value"),
        ("set-field", {"field": "town"}, "value"),
        ("clear-field", {"field": "email"}, "field"),
        ("subscribe", {"category": "1' OR 1=1"}, "category"),
        ("unsubscribe", {"channel": "pigeon"}, "channel"),
        ("delete", {"reason": "x" * 501}, "reason"),
    ],
)
def test_bad_values_are_refused_at_their_input(ids, admin_client, action, given, where):
    with pytest.raises(BulkRefused) as refused:
        change_many(action, Selection(ids=tuple(ids)), given, total=1, actor="ann", now=NOW)
    assert list(refused.value.errors) == [where]
    page = admin_client.post(f"{LIST}bulk/{action}/", {"ids": str(ids[0]), "query": "", **given})
    assert page.status_code == 400
    assert not ContactJob.objects.exists()


def tick(client, action, ids, *, across=False, query="view=all"):
    sent = {"action": action.replace("-", "_"), ACTION_CHECKBOX_NAME: ids, "index": "0"}
    return client.post(f"{LIST}?{query}", sent | ({"select_across": "1"} if across else {}))


def test_the_page_states_how_many_and_the_job_does_them(admin_client, ids):
    page = tick(
        admin_client, "add-to-list", ids[:2], across=True, query="email=any&phone=none"
    ).content.decode()
    assert f"{SIZE} contacts" in page
    assert "has an e-mail · has no phone" in page
    sent = {"ids": "", "query": "email=any&phone=none", "back": "view=all", "name": "Spring"}
    reply = admin_client.post(f"{LIST}bulk/add-to-list/", sent)
    job = ContactJob.objects.get()
    assert reply.url == f"/admin/contacts/contactjob/{job.pk}/change/"
    assert job.actor == "admin"
    while work_job(now=NOW):
        pass
    page = admin_client.get(reply.url).content.decode()
    assert f"{SIZE} / {SIZE}" in page
    assert f"changed {SIZE}" in page
    assert "has no phone" in page


def test_only_the_ticked_are_counted(admin_client, ids):
    assert "3 contacts" in tick(admin_client, "delete", ids[:3]).content.decode()


def test_nobody_is_nothing_to_do(admin_client, ids):
    page = admin_client.post(f"{LIST}bulk/delete/", {"ids": "", "query": "q=nobody-at-all"})
    assert page.status_code == 400
    for bad in ("1,x", "9" * 30, ",".join(["1"] * 1001)):
        assert admin_client.post(f"{LIST}bulk/delete/", {"ids": bad, "query": ""}).status_code == 400
    assert admin_client.post(f"{LIST}bulk/delete/", {"query": "phone=pigeon"}).status_code == 400
    assert admin_client.post(f"{LIST}bulk/nothing/", {"ids": "1"}).status_code == 404
    assert admin_client.get(f"{LIST}bulk/delete/").status_code == 405
    assert not ContactJob.objects.exists()


RIGHTS = {"delete": ["delete_contact"], "export": ["export_contact", "view_personal_data"]}


@pytest.mark.parametrize("action", BulkAction.values)
def test_every_action_asks_for_its_right(client, ids, action):
    user = get_user_model().objects.create_user("bob", password="x", is_staff=True)
    needed = RIGHTS.get(action, ["change_contact"])
    others = {"view_contact", "change_contact", "delete_contact", "export_contact", "view_personal_data"}
    sent = {
        "ids": ",".join(map(str, ids)),
        "query": "",
        "name": "L",
        "field": "town",
        "value": "Lviv",
        "channel": "email",
    }
    for missing in needed:
        user.user_permissions.set(Permission.objects.filter(codename__in=others - {missing}))
        client.force_login(get_user_model().objects.get(pk=user.pk))
        assert client.post(f"{LIST}bulk/{action}/", sent).status_code == 403
        menu = client.get(f"{LIST}?view=all").content.decode()
        assert f'value="{action.replace("-", "_")}"' not in menu
    user.user_permissions.set(Permission.objects.filter(codename__in=["view_contact", *needed]))
    assert client.post(f"{LIST}bulk/{action}/", sent).status_code in (302, 400)
    assert f'value="{action.replace("-", "_")}"' in client.get(f"{LIST}?view=all").content.decode()


def test_the_tray_shows_ones_own_jobs_and_cancels_them(client, ids):
    user = get_user_model().objects.create_user("bob", password="x", is_staff=True)
    rights = Permission.objects.filter(codename__in=["view_contactjob", "view_contact"])
    user.user_permissions.set(rights)
    client.force_login(user)
    assert 'id="jobs-tray"' in client.get(f"{LIST}?view=all").content.decode()
    quiet = client.get("/admin/jobs/tray/")
    assert quiet["X-Look-Again"] == "30000"
    about = Selection(ids=tuple(ids))
    mine = change_many("add-to-list", about, {"name": "L"}, total=SIZE, actor="bob", now=NOW)
    other = change_many("add-to-list", about, {"name": "M"}, total=SIZE, actor="ann", now=NOW)
    work_job(now=NOW)
    tray = client.get("/admin/jobs/tray/")
    assert tray["X-Look-Again"] == "2000"
    text = tray.content.decode()
    assert "Add to a list: L" in text
    assert "5 / 23" in text
    assert "Add to a list: M" not in text
    assert client.post(f"/admin/contacts/contactjob/{other.pk}/cancel/").status_code == 403
    assert client.post(f"/admin/contacts/contactjob/{mine.pk}/cancel/").status_code == 302
    mine.refresh_from_db()
    assert mine.state == JobState.CANCELLED
