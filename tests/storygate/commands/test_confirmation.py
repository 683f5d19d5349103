"""Nothing is destroyed by a slip of the hand, and nothing waits for an answer that cannot come."""

import io
from typing import Any

import pytest

from storygate.deployment.take_down import confirm
from storygate.stage.context import Context
from storygate.support.errors import OperatorError
from storygate.support.terminal import Terminal
from tests.storygate.conftest import Screen


class Answering(Terminal):
    """A terminal whose operator gives one answer."""

    interactive = True

    def __init__(self, answer: Any) -> None:
        super().__init__(io.StringIO())
        self.answer = answer
        self.asked = ""

    def ask(self, question: Any) -> Any:
        self.asked = question
        return self.answer


@pytest.mark.parametrize("purge", [True, False])
def test_the_stages_name_confirms(context: Context, purge: Any) -> None:
    terminal = Answering("dev")
    confirm(context, terminal, purge=purge)
    assert "dev" in terminal.asked


@pytest.mark.parametrize("answer", ["", "y", "yes", "prod", "DEV"])
def test_any_other_answer_deletes_nothing(context: Context, answer: Any) -> None:
    with pytest.raises(OperatorError, match="nothing was deleted"):
        confirm(context, Answering(answer), purge=False)


def test_without_a_terminal_a_purge_is_refused_and_a_plain_destroy_goes_on(context: Context, screen: Screen) -> None:
    with pytest.raises(OperatorError) as caught:
        confirm(context, screen.terminal, purge=True)
    assert "--yes" in caught.value.hint
    confirm(context, screen.terminal, purge=False)
    assert screen.text == ""
