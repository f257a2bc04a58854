"""Message blocks plan deliveries that messaging sends; status checks ask what became of them."""

from datetime import date, timedelta

import pytest

from contacts.models import Address, Contact
from contacts.services import addresses
from messaging.models import ActivityKind, Delivery
from messaging.services.activity import ActivityRow, record_activity
from messaging.services.content import archive_message
from messaging.services.sending import send_due
from tests.messaging.mail import connection, message
from tests.messaging.sink import Sink
from tests.workflows.flows import (
    HOUR,
    NOW,
    chain,
    contact,
    document,
    edge,
    happened,
    later,
    node,
    row_of,
    step,
    steps,
    the_run,
    workflow,
)  # fmt: skip
from workflows.models import Run, RunStep

pytestmark = pytest.mark.django_db

DAYS = {day: [["10:00", "18:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}


@pytest.fixture
def mail():
    connection(2525)
    return message()


def email(chosen, name="n_mail", **rest):
    on_error = rest.pop("on_error", "continue")
    return node("message.email", name, message={"ref": "message", "id": chosen.pk}, on_error=on_error, **rest)


def happen(kind: str, delivery: Delivery, at=NOW, **rest) -> None:
    """What tracking or the provider tells."""
    record_activity([
        ActivityRow(
            delivery_id=delivery.pk, cause_month=delivery.cause_month, cause_kind=delivery.cause_kind,
            cause_id=delivery.cause_id, person_id=delivery.contact_id, message_id=delivery.message_id, kind=kind, at=at, **rest,
        )
    ], now=at)  # fmt: skip


def sent(delivery: Delivery, at=NOW) -> None:
    Delivery.objects.filter(pk=delivery.pk).update(state="sent", sent_at=at)
    happen(ActivityKind.SENT, delivery, at)


def failed(delivery: Delivery, at=NOW) -> None:
    Delivery.objects.filter(pk=delivery.pk).update(state="failed", reason="provider", failed_at=at)
    happen(ActivityKind.ERROR, delivery, at, reason="provider")


def asks(kind: str, chosen, *before, **params):
    """Messages, a timer, then a check whose way is the reason of the end."""
    blocks = [node("start"), *before, email(chosen), node("timer", wait=HOUR), node(kind, "ask", **params)]
    ends = [node("end", "yes", outcome="yes"), node("end", "no", outcome="no")]
    return document([*blocks, *ends], [*chain(*blocks), edge("ask", "yes", "yes"), edge("ask", "no", "no")])


def test_it_works(mail):
    workflow(row_of(email(mail)))
    ann = contact()
    happened(ann, city="Lviv", key="k1")
    step()
    delivery = Delivery.objects.get()
    run = the_run()
    assert (delivery.cause_kind, delivery.cause_id, delivery.slot) == ("workflow", run.pk, "n_mail:2")
    assert (delivery.cause_month, delivery.contact_id, delivery.endpoint) == (
        date(2026, 3, 1),
        ann,
        "ann@example.com",
    )
    assert delivery.context["event"] == {"city": "Lviv"}
    assert delivery.context["workflow"]["workflowInstanceId"] == str(run.uid)
    assert (run.state, run.sent) == ("completed", [["n_mail", 2, delivery.pk, "email", mail.pk]])


def test_a_delivery_names_its_workflow_and_leads_to_the_launch(mail, admin_client):
    chosen = workflow(row_of(email(mail)))
    happened(contact(), key="k1")
    step()
    row, run = Delivery.objects.get(), the_run()
    link = f'href="/admin/workflows/workflow/{run.workflow_id}/launches/?run={run.pk}">{chosen.name}</a>'
    assert link in admin_client.get("/admin/messaging/delivery/?period=all").text
    assert link in admin_client.get(f"/admin/messaging/delivery/{row.pk}/change/").text
    page = admin_client.get(f"/admin/workflows/workflow/{run.workflow_id}/launches/?run={run.pk}").text
    assert str(run.uid) in page


@pytest.mark.parametrize(
    ("happens", "opened", "clicked"),
    [([], "no", "no"), (["opened"], "yes", "no"), (["clicked"], "yes", "yes")],
)
def test_a_status_is_asked_after_a_timer(mail, happens, opened, clicked):
    for kind, answer in (("condition.opened", opened), ("condition.clicked", clicked)):
        wf = workflow(asks(kind, mail))
        happened(contact(kind[-6:]))
        step()
        run = Run.objects.get(workflow_id=wf.pk)
        delivery = Delivery.objects.get(cause_id=run.pk)
        sent(delivery)
        for one in happens:
            happen(one, delivery)
        step(later(hours=1))
        run.refresh_from_db()
        assert (run.state, run.reason) == ("completed", answer)
        wf.status = "not_active"
        wf.save()


@pytest.mark.parametrize(
    ("happens", "is_sent", "is_delivered"),
    [
        ([], "no", "no"),
        (["sent"], "yes", "no"),
        (["sent", "delivered"], "yes", "yes"),
        (["sent", "opened"], "yes", "yes"),
        (["sent", "delivered", "error"], "yes", "no"),
    ],
)
def test_sent_and_delivered_are_asked(mail, happens, is_sent, is_delivered):
    """An open shows that it was delivered; a bounce takes a delivery back."""
    for kind, answer in (("condition.sent", is_sent), ("condition.delivered", is_delivered)):
        wf = workflow(asks(kind, mail))
        happened(contact(kind[-6:]))
        step()
        run = Run.objects.get(workflow_id=wf.pk)
        delivery = Delivery.objects.get(cause_id=run.pk)
        for minutes, one in enumerate(happens):
            if one == "sent":
                sent(delivery)
            else:
                happen(one, delivery, later(minutes=minutes), reason="mailbox_full" if one == "error" else "")
        step(later(hours=1))
        run.refresh_from_db()
        assert (run.state, run.reason) == ("completed", answer)
        wf.status = "not_active"
        wf.save()


def test_clicked_may_ask_for_certain_links(mail):
    wanted, other = "https://shop.example/a?b=1&c=2", "https://shop.example/other"
    workflow(asks("condition.clicked", mail, links=[wanted]))
    for name in "ab":
        happened(contact(name))
    step()
    for delivery, url in zip(Delivery.objects.order_by("pk"), (wanted, other), strict=True):
        sent(delivery)
        happen("clicked", delivery, url=url)
    step(later(hours=1))
    assert list(Run.objects.order_by("pk").values_list("reason", flat=True)) == ["yes", "no"]


def test_a_machine_opens_nothing(mail):
    workflow(asks("condition.opened", mail))
    happened(contact())
    step()
    happen("opened", Delivery.objects.get(), machine="privacy_proxy")
    step(later(hours=1))
    assert the_run().reason == "no"


@pytest.mark.parametrize(("scope", "answer"), [("last", "yes"), ("all", "no")])
def test_of_two_messages_one_was_opened(mail, scope, answer):
    """Example 20."""
    workflow(asks("condition.opened", mail, email(mail, "first"), scope=scope))
    happened(contact())
    step()
    last = Delivery.objects.get(slot__startswith="n_mail")
    happen("opened", last)
    step(later(hours=1))
    assert the_run().reason == answer


def test_a_check_may_wait_and_goes_on_as_soon_as_it_happens(mail):
    blocks = [node("start"), email(mail), node("condition.clicked", "ask", wait={"n": 1, "unit": "day"})]
    ends = [node("end", "yes", outcome="yes"), node("end", "no", outcome="no")]
    body = document([*blocks, *ends], [*chain(*blocks), edge("ask", "yes", "yes"), edge("ask", "no", "no")])
    workflow(body)
    for name in "ab":
        happened(contact(name))
    step()
    happen("clicked", Delivery.objects.order_by("pk")[0], later(hours=5))
    step(later(hours=5))
    assert sorted(Run.objects.values_list("state", "reason")) == [("completed", "yes"), ("running", "")]
    step(later(days=1))
    assert sorted(Run.objects.values_list("reason", flat=True)) == ["no", "yes"]


def test_an_unsubscribed_contact_gets_nothing_and_goes_on(mail):
    """Examples 8 and 27: a skip is no failure, Sent? says no; obligatory mail goes, but never to the blacklisted."""
    obligatory = node("task.obligatory_email", "must", message={"ref": "message", "id": mail.pk})
    workflow(asks("condition.sent", mail, obligatory))
    people = {name: contact(name) for name in "abc"}
    addresses.unsubscribe_address(kind="email", value="a@example.com", actor="test", reason="", now=NOW)
    addresses.blacklist_address(kind="email", value="b@example.com", actor="test", reason="", now=NOW)
    for person in people.values():
        happened(person)
    step()
    found = {(d.contact_id, d.slot.partition(":")[0]): (d.state, d.reason) for d in Delivery.objects.all()}
    assert found[people["a"], "n_mail"] == ("skipped", "unsubscribed")
    assert found[people["a"], "must"] == ("planned", "")
    assert found[people["b"], "must"] == ("skipped", "suppressed")
    for delivery in Delivery.objects.filter(state="planned"):
        sent(delivery)
    step(later(hours=1))
    assert dict(Run.objects.values_list("person_id", "reason")) == {
        people["a"]: "no", people["b"]: "no", people["c"]: "yes",
    }  # fmt: skip
    run = Run.objects.get(person_id=people["a"])
    assert ("n_mail", "skipped:unsubscribed", "next") in steps(run)


def test_a_variable_that_names_no_message_skips_with_a_reason(mail):
    """Example 17."""
    workflow(row_of(node("message.email", "n_mail", message="${emailMessageId}")))
    happened(contact("a"))
    happened(contact("b"), emailMessageId=mail.pk)
    happened(contact("c"), emailMessageId=mail.pk + 1)
    step()
    assert Delivery.objects.count() == 1
    found = [steps(run)[1][1] for run in Run.objects.order_by("pk")]
    assert found == ["skipped:message_not_found", "ok", "skipped:message_not_found"]
    assert set(Run.objects.values_list("state", flat=True)) == {"completed"}


def test_an_archived_message_is_not_sent(mail):
    workflow(row_of(email(mail, on_error="fail")))
    archive_message(message=mail, now=NOW)
    happened(contact())
    step()
    assert (the_run().state, the_run().reason) == ("failed", "message_not_found")
    assert not Delivery.objects.exists()


def test_with_an_error_exit_the_launch_waits_for_the_last_word(mail):
    nodes = [
        node("start"),
        email(mail, on_error="branch"),
        node("end", "good", outcome="good"),
        node("end", "bad", outcome="bad"),
    ]
    workflow(
        document(nodes, [edge("n_start", "n_mail"), edge("n_mail", "good"), edge("n_mail", "bad", "error")])
    )
    for name in "abc":
        happened(contact(name))
    step()
    assert set(Run.objects.values_list("state", flat=True)) == {"running"}
    first, second, third = Delivery.objects.order_by("pk")
    sent(first, later(minutes=1))
    failed(second, later(minutes=1))
    step(later(minutes=1))
    by_delivery = {run.sent[0][2]: (run.state, run.reason) for run in Run.objects.all()}
    assert by_delivery == {
        first.pk: ("completed", "good"),
        second.pk: ("completed", "bad"),
        third.pk: ("running", ""),
    }
    step(later(days=5))
    assert Run.objects.get(state="completed", has_errors=True, reason="good").sent[0][2] == third.pk
    assert Delivery.objects.count() == 3


def test_it_is_held_until_the_allowed_hours_of_the_contact(mail):
    """Example 10: Friday 19:00 in Tokyo, allowed Mon-Fri 10-18; the next timer counts from the real sending."""
    friday = NOW.replace(year=2026, month=3, day=13, hour=10)  # 19:00 in Tokyo
    monday = NOW.replace(year=2026, month=3, day=16, hour=1)
    body = row_of(
        email(mail, allowed_hours=True),
        node("timer", wait={"n": 1, "unit": "day"}),
        settings={"allowed_hours": DAYS},
    )
    workflow(body, now=NOW)
    happened(contact(time_zone="Asia/Tokyo"), at=friday)
    step(friday)
    assert (the_run().node, the_run().wake_at, Delivery.objects.count()) == ("n_mail", monday, 0)
    step(monday - timedelta(seconds=1))
    assert Delivery.objects.count() == 0
    step(monday)
    assert (the_run().node, the_run().wake_at, Delivery.objects.count()) == (
        "n_timer",
        monday + timedelta(days=1),
        1,
    )


def test_who_unsubscribes_while_it_is_held_gets_nothing(mail):
    sunday = NOW.replace(day=15)
    workflow(row_of(email(mail, allowed_hours=True), settings={"allowed_hours": DAYS}))
    happened(contact(), at=sunday)
    step(sunday)
    Address.objects.filter(value="ann@example.com").update(status="unsubscribed")
    step(sunday + timedelta(days=1))
    assert (Delivery.objects.get().state, Delivery.objects.get().reason) == ("skipped", "unsubscribed")


def test_a_copy_goes_to_another_address(mail):
    workflow(row_of(email(mail, email="${manager}")))
    happened(contact("a"), manager="Boss@Example.com ")
    happened(contact("b"), manager="no address")
    happened(contact("c"))
    step()
    assert list(Delivery.objects.order_by("pk").values_list("endpoint", flat=True)) == [
        "boss@example.com",
        "c@example.com",
    ]
    assert ("n_mail", "skipped:no_channel", "next") in steps(Run.objects.order_by("pk")[1])


def test_a_block_reached_again_after_a_crash_plans_nothing_twice(mail):
    workflow(row_of(email(mail), node("timer", wait=HOUR)))
    happened(contact())
    step()
    # As if the transaction were lost, but for the delivery.
    RunStep.objects.all().delete()
    Run.objects.update(node="n_mail", number=2, wait=None, wake_at=NOW, sent=[])
    step()
    assert Delivery.objects.count() == 1


@pytest.mark.processes
def test_the_whole_way_to_a_server(tmp_path):
    """Event → launch → rendered with the event's data → SMTP server → Sent? yes."""
    sink = Sink(tmp_path / "log", "--bodies")
    sink.start()
    try:
        channel = connection(sink.port)
        mail = message("<html><body><p>{{ contact.first_name }} left {{ event.item }}</p></body></html>")
        workflow(asks("condition.sent", mail))
        happened(contact(first_name="Ann"), item="green tea")
        step()
        send_due(channel, priorities=[0, 1], limit=10, now=NOW)
        step(later(hours=1))
        assert the_run().reason == "yes"
        [line] = sink.received()
        assert line["to"] == "ann@example.com"
        assert "Ann left green tea" in line["parts"]["text/html"]
    finally:
        sink.stop()
    assert Contact.objects.count() == 1
