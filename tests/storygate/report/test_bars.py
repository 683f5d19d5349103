"""The times of a run as bars: one row a state, in order, legible however long the wait is."""

from datetime import timedelta
from typing import Any

from storygate.report.page import page
from storygate.report.view import of_events
from storygate.support.times import span
from tests.storygate.report.histories import ARN, DEFINITION, DRAWING, RUNS, Run, seen
from tests.storygate.report.markup import Element, parse


def document(events: list[dict[str, Any]]) -> Element:
    return parse(page(seen(events), DRAWING))


def test_each_state_has_one_row_with_its_phase_in_words_however_often_it_was_entered() -> None:
    run = Run().apis(retries=2)
    for _ in range(100):
        run.conflict()
    text = page(seen(run.wait().resume().end("approved").events), DRAWING)
    rows = {row.one("th").text: row for row in rows_of(parse(text))}
    assert "Retried, entered 101 times: DynamoDb.TransactionCanceledException \u00d7 100" in rows["WaitForStory"].text
    assert "Retried, 3 attempts: States.Http.StatusCode.503 \u00d7 2" in rows["CallDeployment"].text
    assert rows["LetConflictPass"].text.endswith("Done, entered 100 times")
    assert len(text) < 250_000


def test_the_bars_keep_the_order_of_time_and_branches_lie_side_by_side() -> None:
    bars = {row.one("th").text: places(row)[0] for row in rows_of(document(RUNS["approved"]))}
    assert all(left >= 0 and left + width <= 100 for left, width in bars.values())
    starts = [
        bars[state][0] for state in ("FindInput", "CallApis", "CallValidation", "WaitForStory", "WriteApprovedLog")
    ]
    assert starts == sorted(starts)
    validation, deployment = bars["CallValidation"], bars["CallDeployment"]
    assert validation[0] < deployment[0] + deployment[1]
    assert deployment[0] < validation[0] + validation[1]


def test_a_wait_of_days_is_drawn_shortened_and_the_page_says_so() -> None:
    root = document(Run().apis().wait().resume(273_600).end("approved").events)
    bars = {row.one("th").text: places(row)[0] for row in rows_of(root)}
    assert bars["WaitForStory"][1] < 25
    assert bars["CallDeployment"][1] > 10, "what took a second is legible all the same"
    assert "Not to scale where hatched: 3 days 4 hours is drawn shortened" in root.text
    assert "Not to scale" not in document(RUNS["api_failed"]).text


def test_a_run_of_no_length_yet_is_drawn() -> None:
    events = RUNS["approved"][:2]
    view = of_events(ARN, events, DEFINITION, read_at=events[0]["timestamp"] - timedelta(seconds=1))
    assert "FindInput" in parse(page(view, DRAWING)).text
    assert "It has not been read yet." in document(events[:1]).text
    assert of_events(ARN, [], DEFINITION).outcome == "running"


def test_short_spans_keep_their_milliseconds() -> None:
    assert [span(seconds, precise=True) for seconds in (-1, 0.0004, 0.528, 1, 59.9, 59.97, 273_600)] == [
        *("0 ms", "0 ms", "528 ms", "1.0 s", "59.9 s", "59 s", "3 d 4 h")
    ]


def rows_of(root: Element) -> list[Element]:
    table = next(table for table in root.all("table") if table.attributes.get("class") == "times")
    return list(table.one("tbody").all("tr"))


def places(row: Element) -> list[tuple[float, float]]:
    bars = [element.attributes for element in row.all("rect") if element.attributes["class"].startswith("bar")]
    return [(float(bar["x"].rstrip("%")), float(bar["width"].rstrip("%"))) for bar in bars]
