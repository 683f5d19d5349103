"""Long lists, in a log line and in a sentence."""

from chalicelib.shortening import LOGGED, cut, named


def test_a_long_list_is_cut_and_says_how_many_more_there_are() -> None:
    runs = [f"run-{number}" for number in range(LOGGED + 1)]
    assert cut(runs[:-1]) == runs[:-1]
    assert cut(runs) == [*runs[: LOGGED - 1], "and 2 more"]
    assert cut("text") == "text"
    assert (named(runs[:3], 3), named(runs[:5], 3)) == ("run-0, run-1, run-2", "run-0, run-1, run-2 and 2 more")
