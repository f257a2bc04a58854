"""Sending: render and hand over with claims and log, against a persistent smtplib loop of prepared bytes, to one sink."""

import smtplib
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

from django.db import connection

from bench.rounds import Result, measure
from contacts.services.upsert import ContactInput, Policy, upsert_contacts
from messaging.engines import Sending
from messaging.models import Connection, Message, Priority, Sender, SenderState
from messaging.services.connections import make_default, make_default_sender
from messaging.services.content import save_message
from messaging.services.planning import DeliveryRequest, plan_deliveries

SIZES = {"small": 4_000, "full": 20_000}
NOW = datetime.now(UTC).replace(microsecond=0)
SOURCE = """<mjml><mj-body><mj-section><mj-column>
<mj-text>Hello {{ contact.first_name | default: "friend" }}, {{ 3 | plural: "item", "items" }} for {{ 1234.5 | money: "EUR" }}</mj-text>
<mj-image src="https://shop.example/banner.png" alt="Autumn"/>
<mj-text>A paragraph of the usual length, so that the message weighs what newsletters weigh. %s</mj-text>
<mj-button href="https://shop.example/sale?from=mail">To the shop</mj-button>
<mj-text><a href="https://shop.example/new">New</a> · <a href="https://shop.example/blog">Blog</a></mj-text>
</mj-column></mj-section></mj-body></mjml>""" % ("Words follow words. " * 40)


def run(*, rounds: int, size: str) -> list[Result]:
    bench = SendBench(SIZES[size])
    try:
        return [
            measure(
                "send", limit=bench.limit, product=bench.product, rounds=rounds, unit="mails/s", size=size
            )
        ]
    finally:
        bench.sink.kill()


class SendBench:
    def __init__(self, count: int) -> None:
        self.count = count
        self.sink = subprocess.Popen(
            [sys.executable, "-m", "bench.mailsink"], stdout=subprocess.PIPE, text=True
        )
        assert self.sink.stdout is not None
        self.port = int(self.sink.stdout.readline())
        made = Connection.objects.create(
            name="bench", kind="smtp", options={"host": "127.0.0.1", "port": self.port, "tls": "none"}
        )
        make_default(made)
        sender = Sender.objects.create(name="Shop", address="news@shop.example", state=SenderState.CONFIRMED)
        make_default_sender(sender)
        text = {
            "subject": "Hello {{ contact.first_name }}",
            "preheader": "New things",
            "format": "mjml",
            "source": SOURCE,
            "text": "",
        }
        outcome = save_message(message=Message(name="Bench"), content={"en": text}, now=NOW)
        assert not outcome.faults, outcome.faults
        self.message = outcome.message
        inputs = [
            ContactInput(
                email=f"u{n}@example.com", email_norm=f"u{n}@example.com", fields={"first_name": f"Olena {n}"}
            )
            for n in range(count)
        ]
        self.ids = [
            o.contact_id
            for o in upsert_contacts(inputs, policy=Policy.BULK, source="api", actor="bench", now=NOW)
        ]
        self.cause = 0
        self.letter = (b"Subject: s\r\n\r\n" + b"x" * 70 + b"\r\n") + (b"y" * 70 + b"\r\n") * 170

    def accepted(self) -> int:
        with smtplib.SMTP("127.0.0.1", self.port) as client:
            return int(client.docmd("COUNT")[1])

    def limit(self) -> float:
        """One smtplib session, the same bytes again and again, as long as a message of the product."""
        before = self.accepted()
        started = time.perf_counter()
        with smtplib.SMTP("127.0.0.1", self.port) as client:
            for number in range(self.count):
                client.sendmail("news@shop.example", [f"u{number}@example.com"], self.letter)
        rate = self.count / (time.perf_counter() - started)
        if self.accepted() - before != self.count:
            raise RuntimeError("the sink did not get every message")
        return rate

    def product(self) -> float:
        """The engine, from planned rows to recorded outcomes; planning is not measured."""
        self.cause += 1
        month = NOW.date().replace(day=1)
        for start in range(0, self.count, 1_000):
            plan_deliveries(
                [
                    DeliveryRequest(
                        cause_kind="campaign", cause_id=self.cause, cause_month=month, contact_id=pk, message_id=self.message.pk
                    )
                    for pk in self.ids[start : start + 1_000]
                ],
                now=NOW,
            )  # fmt: skip
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE messaging_delivery, messaging_activity")
        before = self.accepted()
        engine = Sending("sending", "bulk", (Priority.BULK,), 400)
        started = time.perf_counter()
        while engine.work(NOW + timedelta(seconds=1)):
            pass
        rate = self.count / (time.perf_counter() - started)
        if self.accepted() - before != self.count:
            raise RuntimeError(f"the sink got {self.accepted() - before} of {self.count}")
        return rate
