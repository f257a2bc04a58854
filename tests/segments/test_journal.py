"""The journal of few persons and of many: rows of their own and packed rows read alike."""

from datetime import timedelta

import pytest
from django.db import connection
from pyroaring import BitMap64

from contacts.services.erasing import erase_contacts
from segments.models import MembershipChange, PackedChange, SegmentDay
from segments.services.journal import PACKED_FROM, Difference, entered_at, newest_changes, write_changes
from tests.contacts.people import NOW, someone, upsert
from tests.segments.making import journal, make_segment, members, named, settle

pytestmark = pytest.mark.django_db

MANY = BitMap64([*range(65_000, 66_000), *range(200_000, 200_100), 500_000, 1 << 33])


def test_it_works():
    segment = make_segment(named("Ann"))
    write_changes([Difference(segment.pk, MANY, BitMap64([7]), False, "data")], {}, now=NOW)
    assert journal(segment) == [(one, one != 7, False, "data") for one in sorted([7, *MANY])]
    assert MembershipChange.objects.count() == 3  # those alone in their chunk, and who left
    assert PackedChange.objects.count() == 3
    assert SegmentDay.objects.values_list("entered", "left").get() == (len(MANY), 1)


def test_when_persons_entered_last():
    segment = make_segment(named("Ann"))
    later = NOW + timedelta(hours=1)
    write_changes([Difference(segment.pk, MANY, BitMap64(), False, "data")], {}, now=NOW)
    write_changes(
        [Difference(segment.pk, BitMap64([65_001]), BitMap64([65_002]), False, "data")], {}, now=later
    )
    found = entered_at(segment.pk, [65_000, 65_001, 65_002, 500_000, 1 << 33, 3])
    assert found == {65_000: NOW, 65_001: later, 65_002: NOW, 500_000: NOW, 1 << 33: NOW}


def test_the_newest_changes_come_first():
    segment = make_segment(named("Ann"))
    write_changes([Difference(segment.pk, MANY, BitMap64(), True, "clock")], {}, now=NOW)
    write_changes([Difference(segment.pk, BitMap64(), BitMap64([65_002]), False, "data")], {}, now=NOW)
    found = newest_changes(segment.pk, limit=100)
    assert len(found) == 100
    assert (found[0].person_id, found[0].is_entering, found[0].reason) == (65_002, False, "data")
    assert {(one.is_entering, one.is_muted, one.reason) for one in found[1:]} == {(True, True, "clock")}


def test_segments_that_refer_to_it_hear_of_packed_changes():
    inner = make_segment(named("Ann"))
    outer = make_segment({"kind": "segment", "cmp": "in_any", "value": [inner.pk]})
    people = upsert(*(someone(f"X{number}", fields={"first_name": "Ann"}) for number in range(PACKED_FROM)))
    settle()
    assert members(outer) == {one.contact_id for one in people}
    assert PackedChange.objects.filter(segment_id=inner.pk).exists()


def test_an_erased_person_is_in_no_packed_row():
    segment = make_segment(named("Ann"))
    people = upsert(*(someone(f"X{number}", fields={"first_name": "Ann"}) for number in range(PACKED_FROM)))
    settle()
    gone = people[3].contact_id
    assert gone in [person for row in PackedChange.objects.all() for person in row.person_ids]
    erase_contacts([gone], now=NOW, actor="test")
    settle()
    assert gone not in [person for row in PackedChange.objects.all() for person in row.person_ids]
    entered = {person for person, is_entering, *_more in journal(segment) if is_entering}
    assert entered == {one.contact_id for one in people} - {gone}
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM segments_dirty")
        assert cursor.fetchone() == (0,)
