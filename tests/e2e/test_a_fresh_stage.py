"""What commands say before anything ran; the first file of the folder, since its cloud is shared."""

from collections.abc import Callable
from typing import Any

from storygate.support.own_command import command_line


def test_cost_names_the_command_that_makes_a_run_to_count(storygate: Callable[..., Any]) -> None:
    ended = storygate("cost")
    assert ended.code == 1
    assert command_line("smoke --stage local") in ended.err


def test_the_list_is_empty(storygate: Callable[..., Any]) -> None:
    assert storygate("list", "--json").code == 0
    assert storygate("list", "--waiting", "--json").json == []
