"""The screens from segment to report, where only a browser shows whether they are right: what is seen, and by which keys."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.watch import WIDTHS, show

pytestmark = pytest.mark.browser

CAMPAIGN = "/admin/messaging/campaign/1/change/"
REPORT = "/admin/messaging/messagereport/campaign/1/"
WORKFLOW = "/admin/workflows/workflow/1/change/"

# How many tiles stand in each row.
ROWS = """() => {
  const rows = new Map();
  for (const tile of document.querySelectorAll(".ui-tiles > *")) {
    const top = Math.round(tile.getBoundingClientRect().top);
    rows.set(top, (rows.get(top) || 0) + 1);
  }
  return [...rows.values()];
}"""
HAS_BORDER = "(input) => { const s = getComputedStyle(input); return s.borderTopWidth !== '0px' && s.borderTopStyle !== 'none'; }"
STROKE = "() => getComputedStyle(document.querySelector('.ui-line')).stroke"


@pytest.mark.parametrize("address", [CAMPAIGN, REPORT])
def test_no_tile_stands_alone(page, address):
    page.goto(address)
    for width in WIDTHS:
        show(page, width=width, theme="light")
        rows = page.evaluate(ROWS)
        assert sum(rows) >= 5
        assert min(rows) > 1, f"{rows} at {width}"


def test_charts_follow_the_theme_when_it_is_switched(page):
    page.goto(REPORT)
    colours = []
    for theme in ("light", "dark"):
        show(page, width=1280, theme=theme)
        colours.append(page.evaluate(STROKE))
    assert colours[0] != colours[1]
    expect(page.locator(".ui-bars li")).to_have_count(3)
    page.get_by_text("Show numbers").last.focus()
    page.keyboard.press("Enter")
    expect(page.locator("details[open] th", has_text="Clicked")).to_be_visible()


def test_every_number_of_a_campaign_opens_its_rows(page):
    page.goto(CAMPAIGN)
    tile = page.locator("a.ui-tile", has_text="Clicked")
    count = int(tile.locator("strong").inner_text())
    tile.click()
    expect(page).to_have_url(re.compile("people/\\?figure=clicked"))
    assert page.locator(".ui-table tbody tr").count() == min(count, 50)
    page.goto(CAMPAIGN)
    page.locator("tr", has_text="Skipped").get_by_role("link").click()
    expect(page).to_have_url(re.compile("view=skipped"))
    expect(page.locator("#result_list a", has_text="Autumn news").first).to_be_visible()


def test_a_message_is_seen_as_saved_and_then_as_it_is_typed(page):
    page.goto("/admin/messaging/message/")
    page.get_by_role("link", name="Cart reminder").click()
    letter = page.frame_locator("iframe[name=preview]")
    expect(letter.get_by_text("Your cart is still here")).to_be_visible()
    source = page.locator("[name=source]")
    source.fill(source.input_value().replace("Your cart is still here", "Nothing is lost"))
    page.get_by_role("button", name="Preview", exact=True).click()
    expect(letter.get_by_text("Nothing is lost")).to_be_visible()
    for name in ("addresses", "contact"):
        for field in page.locator(f"input[name={name}]").all():
            assert field.evaluate(HAS_BORDER), name


def test_a_block_of_the_graph_leads_to_its_row_by_keys(page):
    page.goto(WORKFLOW)
    box = page.get_by_role("link", name="Reminder, E-mail", exact=True)
    box.focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("#block-reminder$"))
    expect(page.locator("#block-reminder")).to_be_in_viewport()
    assert page.locator(".wf-graph").bounding_box()["y"] < page.locator("#definition").bounding_box()["y"]


def test_a_fault_leads_to_its_block_and_to_its_line(page):
    page.goto(WORKFLOW)
    text = page.locator("#definition")
    whole = text.input_value()
    try:
        text.fill(whole.replace('"n": 1,\n            "unit": "hour"', '"n": 0,\n            "unit": "hour"'))
        page.get_by_role("button", name="Save draft").click()
        fault = page.locator("#problems li").first
        expect(fault).to_contain_text("hour")
        line = fault.get_by_role("link", name=re.compile("^line"))
        number = line.inner_text().removeprefix("line ")
        line.click()
        expect(page.locator(f"#line-{number}")).to_be_in_viewport()
        around = page.locator("#definition").input_value().splitlines()[int(number) - 1 : int(number) + 2]
        assert any('"n": 0' in one for one in around), around
        expect(page.locator(".wf-box.is-error, .wf-box.is-warning").first).to_be_attached()
    finally:
        page.goto(WORKFLOW)
        page.locator("#definition").fill(whole)
        page.get_by_role("button", name="Save draft").click()


def test_a_connection_shows_the_fields_of_its_kind(page):
    page.goto("/admin/messaging/connection/add/")
    expect(page.locator("#id_host")).to_be_visible()
    expect(page.locator("#id_provider")).to_be_hidden()
    page.locator("#id_kind").select_option("anymail")
    expect(page.locator("#id_host")).to_be_hidden()
    expect(page.locator("#id_provider")).to_be_visible()
    expect(page.locator("#id_new_webhook_key")).to_be_visible()
    assert page.locator("#id_region").evaluate(HAS_BORDER)
    page.locator("#id_kind").select_option("file")
    expect(page.locator("#id_new_secret")).to_be_hidden()


def test_a_condition_shows_only_what_its_words_ask_for(page):
    page.goto("/admin/segments/segment/")
    page.get_by_role("link", name="Bought in the last 90 days").click()
    expect(page.get_by_role("heading", name="Who fits")).to_be_visible()
    page.get_by_role("link", name="Edit segment").click()
    amount, first = page.locator("[name$=wamount]"), page.locator("[name$=wfrom]")
    expect(amount).to_be_visible()
    expect(first).to_be_hidden()
    expect(page.locator("[name$='.param']")).to_be_hidden()
    page.locator("[name$=wtype]").select_option("absolute")
    expect(amount).to_be_hidden()
    expect(first).to_be_visible()
    page.locator("[name$='.fn']").select_option("sum")
    expect(page.locator("[name$='.param']")).to_be_visible()


def test_a_viewer_reads_what_was_sent_and_no_personal_data(open_as):
    page = open_as("viewer")
    for address in (CAMPAIGN, REPORT, "/admin/messaging/delivery/?period=all", "/admin/messaging/message/"):
        page.goto(address)
        expect(page.get_by_text("Autumn news").first).to_be_visible()
        assert "@example" not in page.content()
        assert "New harvest, " not in page.inner_text("body").replace("New harvest, contact", "")
    page.goto("/admin/messaging/message/1/change/")
    expect(page.get_by_text("You can view this message, not change it.")).to_be_visible()
    expect(page.locator("#content textarea, #content select")).to_have_count(0)


IS_SCROLLED = """() => {
  const table = document.querySelector("#result_list");
  const box = table.closest(".overflow-x-auto") || table.parentElement;
  return box.scrollWidth > box.clientWidth + 1;
}"""


def test_a_long_name_pushes_no_column_out_of_sight(page):
    page.goto("/admin/messaging/campaign/add/")
    page.fill("[name=name]", "X" * 200)
    page.locator("[name=message]").select_option(label="Autumn news")
    page.get_by_role("button", name="Save and count").click()
    expect(page.get_by_role("link", name="Edit", exact=True).first).to_be_visible()
    page.goto("/admin/messaging/campaign/")
    show(page, width=1280, theme="light")
    expect(page.locator("#result_list").get_by_text("X" * 200)).to_be_visible()
    assert not page.evaluate(IS_SCROLLED)


def test_a_condition_over_messages_is_put_together_by_ticks(page):
    page.goto("/admin/segments/segment/add/")
    page.locator("select[name='include.0.new']").select_option("message")
    page.get_by_role("button", name="Add condition").first.click()
    page.get_by_text("only of these messages or campaigns").click()
    page.get_by_role("group", name="Campaigns").get_by_label("Autumn news").check()
    page.locator("select[name='include.0.0.field']").select_option("PERSONAL.BIRTHDAY")
    expect(page.locator("select[name='include.0.0.cmp'] option[value='anniversary']")).to_have_count(1)
    expect(page.get_by_role("group", name="Campaigns").get_by_label("Autumn news")).to_be_checked()
    page.locator("select[name='include.0.0.cmp']").select_option("not_empty")
    expect(page.locator("#segment-preview strong")).to_have_text(re.compile(r"^\d+$"))
    expect(page.locator("#segment-preview").get_by_text("Some of them")).to_be_visible()
    assert int(page.locator("#segment-preview strong").first.inner_text()) > 0


def test_the_states_of_an_address_are_asked_only_where_they_matter(page):
    page.goto("/admin/segments/segment/add/")
    page.locator("select[name='include.0.new']").select_option("channel")
    page.get_by_role("button", name="Add condition").first.click()
    states = page.get_by_role("group", name="States")
    expect(states).to_have_count(0)
    page.locator("select[name='include.0.1.cmp']").select_option("status_in")
    expect(states).to_be_visible()


def test_stopping_a_campaign_for_good_is_asked_first(page):
    page.goto("/admin/messaging/campaign/add/")
    page.fill("[name=name]", "Never sent")
    page.locator("[name=message]").select_option(label="Autumn news")
    page.get_by_label("Newsletter").first.check()
    page.fill("[name=starts_at]", "2099-01-01T10:00")
    page.get_by_role("button", name="Save and count").click()
    page.locator("summary", has_text="Schedule").click()
    page.get_by_role("button", name=re.compile("^Schedule for")).click()
    page.locator("summary", has_text="Stop for good").press("Enter")
    expect(page.get_by_text("The campaign never starts.")).to_be_visible()
    page.get_by_role("button", name="Stop for good").click()
    expect(page.get_by_text("Cancelled")).to_be_visible()


def test_what_happens_to_those_whose_time_has_passed_is_asked_with_the_zone(page):
    page.goto("/admin/messaging/campaign/add/")
    late = page.get_by_label("Where that time has passed")
    expect(late).to_be_hidden()
    page.get_by_label("At this local time of each contact").check()
    expect(late).to_be_visible()
