"""Locations and time zones by IP: the file, what it may overwrite, and what a bad one does."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.checks import run_checks
from django.core.management import call_command

from cdp.hooks import contacts_changed
from contacts.geo import Place, find_place
from contacts.models import Contact
from contacts.services.places import Sighting, write_places
from tests.contacts.mmdb import BOXFORD, KYIV, NETWORKS, SOMEWHERE, write_mmdb
from tests.contacts.people import NOW, someone, upsert


@pytest.fixture
def geo(settings, tmp_path):
    settings.CDP_GEO_FILE = str(write_mmdb(tmp_path / "places.mmdb", NETWORKS))
    return tmp_path / "places.mmdb"


def saw(contact_id, address, *, minutes=0, how="click", sets_zone=True):
    place = find_place(address)
    assert place is not None
    return Sighting(contact_id, place, NOW + timedelta(minutes=minutes), how, sets_zone)


def test_an_address_is_looked_up(geo):
    assert find_place(KYIV) == Place("UA", "Kyiv City", "Kyiv", "Europe/Kyiv", 100, 200, 300)
    assert find_place(SOMEWHERE) == Place("UA", time_zone="Europe/Kyiv", country_id=100)


@pytest.mark.parametrize(
    "address", ["10.0.0.1", "8.8.8.8", "2001:db8::1", "", None, "no address", "31.43.0.7.1", "\0"]
)
def test_an_unknown_address_is_nowhere(geo, address):
    assert find_place(address) is None


def test_without_a_file_nothing_is_known(settings):
    settings.CDP_GEO_FILE = ""
    assert find_place(KYIV) is None
    assert not [message for message in run_checks() if message.id == "contacts.E001"]


def test_a_file_put_in_its_place_is_read_without_a_restart(geo, tmp_path):
    assert find_place("9.9.9.9") is None
    write_mmdb(
        tmp_path / "new.mmdb", {"9.9.9.0/24": {"country": {"iso_code": "US"}}}, kind="GeoLite2-Country"
    )
    (tmp_path / "new.mmdb").replace(geo)
    assert find_place("9.9.9.9") == Place("US")
    geo.write_bytes(b"torn")
    assert find_place("9.9.9.9") is None  # logged; nothing fails
    geo.unlink()
    assert find_place("9.9.9.9") is None


@pytest.mark.parametrize(
    ("content", "told"),
    [(None, "No such file"), (b"", "mmdb"), (b"PK\x03\x04zip", "mmdb")],
)
def test_a_bad_file_is_a_clear_error(settings, tmp_path, content, told):
    path = tmp_path / "bad.mmdb"
    if content is not None:
        path.write_bytes(content)
    settings.CDP_GEO_FILE = str(path)
    [message] = [message for message in run_checks() if message.id == "contacts.E001"]
    assert message.msg.startswith(f"CDP_GEO_FILE: {path}: ")
    assert told.lower() in message.msg.lower()


def test_a_file_of_other_things_is_refused(settings, tmp_path):
    settings.CDP_GEO_FILE = str(write_mmdb(tmp_path / "asn.mmdb", {"1.1.1.0/24": {}}, kind="GeoLite2-ASN"))
    [message] = [message for message in run_checks() if message.id == "contacts.E001"]
    assert "holds 'GeoLite2-ASN', not cities or countries" in message.msg


def test_the_doctor_tells(settings, tmp_path, db):
    settings.CDP_GEO_FILE = str(tmp_path / "none.mmdb")
    out = StringIO()
    with pytest.raises(SystemExit):
        call_command("doctor", stdout=out)
    assert "WRONG configuration" in out.getvalue()
    assert "CDP_GEO_FILE" in out.getvalue()


def test_a_click_sets_location_and_zone_and_later_ones_only_the_location(geo, db):
    [ann] = upsert(someone("E1"))
    heard = []
    hear = contacts_changed.connect(lambda batch: heard.append(batch.changes))
    assert write_places([saw(ann.contact_id, KYIV)], now=NOW) == 1
    assert write_places([saw(ann.contact_id, BOXFORD, minutes=1)], now=NOW) == 1
    assert write_places([saw(ann.contact_id, BOXFORD, minutes=2)], now=NOW) == 0
    contacts_changed.disconnect(hear)
    contact = Contact.objects.get()
    assert contact.location == {"country": "GB", "region": "England", "city": "Boxford"}
    assert contact.time_zone == "Europe/Kyiv"
    assert contact.provenance["location"] == [int((NOW + timedelta(minutes=1)).timestamp()), "ip", "click"]
    assert heard == [[frozenset({"location", "time_zone"})], [frozenset({"location"})]]


def test_a_batch_is_written_in_the_order_of_time(geo, db):
    [ann] = upsert(someone("E1"))
    late, early = saw(ann.contact_id, BOXFORD, minutes=5), saw(ann.contact_id, KYIV)
    write_places([late, early], now=NOW)
    contact = Contact.objects.get()
    assert (contact.location["city"], contact.time_zone) == ("Boxford", "Europe/Kyiv")


def test_a_vague_place_sets_no_zone_and_takes_no_city_away(geo, db):
    [ann] = upsert(someone("E1"))
    write_places([saw(ann.contact_id, SOMEWHERE)], now=NOW)
    contact = Contact.objects.get()
    assert (contact.location, contact.time_zone) == ({"country": "UA"}, None)
    write_places([saw(ann.contact_id, KYIV, minutes=1)], now=NOW)
    write_places([saw(ann.contact_id, SOMEWHERE, minutes=2)], now=NOW)
    assert Contact.objects.get().location["city"] == "Kyiv"


def test_what_somebody_gave_is_never_overwritten(geo, db):
    [ann] = upsert(
        someone("E1", fields={"location": {"country": "PL", "city": "Łódź"}, "time_zone": "Europe/Warsaw"})
    )
    assert write_places([saw(ann.contact_id, KYIV)], now=NOW) == 0
    upsert(someone("E1", fields={"location": {"country": "LT"}}))
    assert write_places([saw(ann.contact_id, KYIV)], now=NOW) == 0
    assert Contact.objects.get().location == {"country": "LT"}


def test_a_zone_by_the_api_stands_over_one_by_a_click(geo, db):
    [ann] = upsert(someone("E1"))
    write_places([saw(ann.contact_id, KYIV)], now=NOW)
    upsert(someone("E1", fields={"time_zone": "Europe/Warsaw"}))
    write_places([saw(ann.contact_id, BOXFORD, minutes=1)], now=NOW)
    assert Contact.objects.get().time_zone == "Europe/Warsaw"


def test_people_who_are_gone_are_left_alone(geo, db):
    from contacts.services.lifecycle import delete_contacts
    from contacts.services.merging import merge_contacts

    ann, bob = upsert(someone("E1", "X1"), someone("E2"))
    merge_contacts(ann.contact_id, [bob.contact_id], reason="", actor="test", now=NOW)
    assert write_places([saw(bob.contact_id, KYIV)], now=NOW) == 1  # the one kept
    assert Contact.objects.get(state="active").location["city"] == "Kyiv"
    delete_contacts([ann.contact_id], actor="test", reason="", now=NOW)
    assert write_places([saw(ann.contact_id, BOXFORD)], now=NOW) == 0
    assert write_places([saw(2**62, BOXFORD)], now=NOW) == 0
    assert write_places([], now=NOW) == 0
