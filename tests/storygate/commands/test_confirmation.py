"""Nothing is destroyed by a slip of the hand, and nothing waits for an answer that cannot come."""

import io
from typing import Any

import pytest

from storygate.deployment.take_down import confirm, destroy
from storygate.stage.context import Context
from storygate.support.errors import OperatorError
from storygate.support.terminal import Terminal
from tests.storygate.conftest import Screen


class Answering(Terminal):
    """A terminal whose operator gives one answer."""

    interactive = True

    def __init__(self, answer: Any) -> None:
        self.stream = io.StringIO()
        super().__init__(self.stream)
        self.answer = answer
        self.asked = ""

    @property
    def text(self) -> str:
        return self.stream.getvalue()

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


@pytest.mark.parametrize("purge", [True, False])
def test_without_a_terminal_it_needs_yes(context: Context, screen: Screen, purge: bool) -> None:
    with pytest.raises(OperatorError, match="runs are stopped") as caught:
        confirm(context, screen.terminal, purge=purge)
    assert "--yes" in caught.value.hint


def test_the_question_counts_and_names_the_runs_that_it_stops(context: Context) -> None:
    terminal, states = Answering("dev"), context.client("stepfunctions")
    confirm(context, terminal, purge=False)
    assert "no run is under way" in terminal.text
    definition = '{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}'
    machine = states.create_state_machine(
        name=context.stage.state_machine, definition=definition, roleArn="arn:aws:iam::123456789012:role/any"
    )["stateMachineArn"]
    for name in "abcd":
        states.start_execution(stateMachineArn=machine, name=name)
    confirm(context, terminal, purge=False)
    assert "4 runs are stopped and write no result: " in terminal.text
    assert ", …" in terminal.text


def test_another_account_than_that_of_the_last_deployment_is_refused(context: Context) -> None:
    record = context.project / ".chalice" / "deployed" / "dev.json"
    record.parent.mkdir()
    record.write_text('{"resources": [{"name": "r", "role_arn": "arn:aws:iam::999999999999:role/r"}]}')
    terminal = Answering("dev")
    with pytest.raises(OperatorError, match="last deployed to account 999999999999"):
        confirm(context, terminal, purge=False)
    with pytest.raises(OperatorError, match="last deployed to account 999999999999"):
        destroy(context, terminal)
    assert terminal.text == ""
