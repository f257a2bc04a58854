"""Charts made without a script: scales from zero, paths that hold every value, bars in proportion, and what they say in words."""

import pytest
from django.template.loader import render_to_string

from cdp.ui.charts import Chart, Series, scale_of


def test_it_works():
    chart = Chart(
        "When?", ["9:00", "10:00"], [Series("Opened", [0, 4]), Series("Clicked", [2, 1])], unit="sends"
    )
    plot = chart.plot
    assert [line.path for line in plot.lines] == ["M250,240 L750,0", "M250,120 L750,180"]
    assert plot.lines[0].dots == "M750,0h0"  # nothing is marked where nothing was
    assert plot.ticks[0] == (100, 0)
    assert plot.ticks[-1] == (0, 4)
    assert [text for _x, _width, text in plot.spots] == [
        "9:00: Opened 0, Clicked 2",
        "10:00: Opened 4, Clicked 1",
    ]
    page = render_to_string("ui/chart.html", {"chart": chart})
    assert page.count('class="ui-line') == 4, "two lines and two samples in the legend"
    assert "Show numbers" in page


@pytest.mark.parametrize(
    ("most", "found"),
    [(0, (1, 1)), (1, (1, 1)), (3, (1, 3)), (7, (2, 8)), (145, (50, 150)), (1_000, (500, 1_000)), (99_999, (50_000, 100_000))],
)  # fmt: skip
def test_an_axis_holds_the_largest_value_in_few_round_steps(most, found):
    assert scale_of(most) == found


def test_bars_are_in_proportion_and_open_their_rows():
    chart = Chart("Which?", ["a", "b<"], [Series("Clicks", [8, 2])], kind="bar", links=["/x"])
    assert [(bar.width, bar.link) for bar in chart.bars] == [(100, "/x"), (25, "")]
    page = render_to_string("ui/chart.html", {"chart": chart})
    assert '<a href="/x">a</a>' in page
    assert "b&lt;" in page


def test_many_places_are_named_seldom_and_all_in_the_table():
    chart = Chart("When?", [f"at {hour}" for hour in range(72)], [Series("Opened", [1] * 72)])
    shown = chart.plot.labels
    assert len(shown) <= 6
    assert (shown[0].side, shown[0].text) == ("middle", "at 0")
    assert len(chart.rows) == 72


@pytest.mark.parametrize("series", [[], [Series("Opened", [])], [Series("Opened", [0, 0])]])
def test_without_values_it_says_so(series):
    chart = Chart("When?", ["a", "b"] if series and series[0].values else [], series)
    assert chart.is_empty
    assert "Nothing to show yet." in render_to_string("ui/chart.html", {"chart": chart})


def test_numbers_in_markup_are_not_localised(settings):
    settings.LANGUAGE_CODE = "uk"
    chart = Chart("Коли?", ["a", "b", "c"], [Series("x", [1_000, 2_000, 3_000.5])])
    page = render_to_string("ui/chart.html", {"chart": chart})
    assert "%" in page
    assert ",%" not in page
    assert "\xa0%" not in page
