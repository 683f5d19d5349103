"""Text from Jira and the APIs is shown but moves no cursor; tables are plain lines on a plain stream."""

import io

from storygate.support.terminal import Terminal


def test_control_characters_are_not_passed_on() -> None:
    stream = io.StringIO()
    terminal = Terminal(stream)
    terminal.done("before\x1b[2J\x9b2Jafter\r\x07")
    terminal.table(("A",), [["\x1b]0;title\x07"]])
    assert not {"\x1b", "\x9b", "\r", "\x07"} & set(stream.getvalue())
    assert "before" in stream.getvalue()


def test_a_table_is_aligned_lines_on_a_plain_stream() -> None:
    stream = io.StringIO()
    Terminal(stream).table(("RUN", "STORY"), [["a-long-name", "PROJ-1"], ["b", "-"]])
    assert stream.getvalue() == "RUN          STORY\na-long-name  PROJ-1\nb            -\n"
