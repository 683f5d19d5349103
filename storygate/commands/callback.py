"""`callback`: says what became of a story, as Jira would, signed with the callback's secret."""

import argparse
import json
from typing import Any

from storygate.commands.arguments import Place, add_command, add_timeout, emit, place_of, told
from storygate.deployment.stage_secret import read_field
from storygate.operations import send_verdict as callbacks
from storygate.support.errors import WrongUsage
from storygate.support.http import Answer
from storygate.support.terminal import Terminal


def register(commands: Any) -> None:
    """Adds the command to the command line."""
    parser = add_command(
        commands,
        "callback",
        run,
        help="say what became of a story, as Jira would",
        description="Sends Jira's webhook for a story, done by you and signed with the callback's secret, to the "
        "stage's callback, and shows the answer. It approves for real.",
        example="PROJ-12345 --stage dev --status approved",
    )
    parser.add_argument("story", metavar="STORY", help="the story's key, such as PROJ-12345")
    parser.add_argument(
        "--status",
        required=True,
        choices=callbacks.STATUSES,
        metavar="STATUS",
        help=f"one of {', '.join(callbacks.STATUSES)}; `pending` reopens the story, and takes its approval back",
    )
    parser.add_argument(
        "--message", metavar="TEXT", help="why: the flat form's message, or the webhook's comment, which results omit"
    )
    parser.add_argument("--flat", action="store_true", help="send the flat form in place of Jira's webhook")
    add_timeout(parser, callbacks.SECONDS, "how long the answer may take")


def run(args: argparse.Namespace, terminal: Terminal) -> int:
    """The command: 0 if the callback answered 2xx, else 1; 124 without an answer in time."""
    if args.flat and args.status == "pending":
        raise WrongUsage("The flat form knows no status `pending`.", "Leave --flat out to send Jira's webhook.")
    place, shown = place_of(args), told(args, terminal)
    story = args.story.strip().upper()
    if args.flat:
        body = callbacks.flat(story, args.status, message=args.message)
    else:
        body = callbacks.webhook(story, args.status, message=args.message, actor=place.who)
    shown.step(f"{story} is {args.status}, says {place.who}")
    answer = deliver(place, body, args.timeout)
    if args.json:
        emit({"story": story, "status": args.status, "httpStatus": answer.status, "answer": _parsed(answer.text)})
    show = shown.done if answer.is_success else shown.fail
    show(f"the callback answered HTTP {answer.status}: {answer.text.strip()}")
    return 0 if answer.is_success else 1


def deliver(place: Place, body: dict[str, Any], timeout: float = callbacks.SECONDS) -> Answer:
    """Sends a body to the callback, signed with its secret, within `timeout` seconds; raises what `post` raises."""
    secret = read_field(place.aws.client("secretsmanager"), place.stage.secret, "callback")
    return callbacks.send(place.callback_url, body, secret, timeout=timeout)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
