"""A report is written at once or not at all."""

import os
from pathlib import Path

import pytest

from storygate.commands.report import write


def test_a_report_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "run.html"
    write(path, "before")
    write(path, "after ✓")
    assert path.read_text(encoding="utf-8") == "after ✓"
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_written_leaves_the_old_one_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "run.html"
    write(path, "before")
    with pytest.raises(UnicodeEncodeError):
        write(path, "half \ud800")
    assert path.read_text(encoding="utf-8") == "before"
    with pytest.raises(IsADirectoryError):
        write(tmp_path, "text")
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_no_file_is_written_to_and_stays(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write(pipe, "text")
        assert os.read(reader, 10) == b"text"
    finally:
        os.close(reader)
    assert pipe.is_fifo()
