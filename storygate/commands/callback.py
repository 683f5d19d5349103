"""`callback`: report a story's status as Jira would, signed with the callback's secret."""

import argparse
import json
from typing import Any

from storygate.commands.arguments import add_command, add_timeout, context_of, print_json, quiet_if_json
from storygate.operations.send_verdict import (
    ANSWER_SECONDS,
    STATUSES,
    answer_line,
    decision_of,
    flat,
    refusal,
    send_verdict,
    uncounted,
    webhook,
)
from storygate.runs.input_rules import story_key_of
from storygate.support.errors import WrongUsage
from storygate.support.terminal import Terminal


def register(commands: Any) -> None:
    """Add the command to the command line."""
    parser = add_command(
        commands,
        "callback",
        run,
        help="report a story's status, as Jira would",
        description="Sends the stage's callback a webhook as Jira sends it when you move the story, signed with "
        "the callback's secret, and shows the answer. Waiting runs are really approved or rejected. It moves the story "
        "to the stage's first approving status. Exits 0 only if the callback decided as asked.",
        example="PROJ-12345 --stage dev --status approved",
    )
    parser.add_argument("story", metavar="STORY", help="the story's key, such as PROJ-12345")
    parser.add_argument(
        "--status",
        required=True,
        choices=STATUSES,
        metavar="STATUS",
        help=f"one of {', '.join(STATUSES)}; `pending` reopens the story and takes its approval back",
    )
    parser.add_argument(
        "--message",
        metavar="TEXT",
        help="why: the flat form's message, or the webhook's comment, which results leave out",
    )
    parser.add_argument("--flat", action="store_true", help="send the flat form instead of Jira's webhook")
    add_timeout(parser, ANSWER_SECONDS, "how long the answer may take")


def run(args: argparse.Namespace, terminal: Terminal) -> int:
    """Send the verdict: 0 if the callback decided as asked, else 1; 124 without an answer in time."""
    if args.flat and args.status == "pending":
        raise WrongUsage("The flat form has no status `pending`.", "Leave --flat out to send Jira's webhook.")
    story = story_key_of({"jiraStoryId": args.story})
    if not story:
        raise WrongUsage(f"{args.story} is not the key of a Jira story.", "Give a key such as PROJ-123.")
    context, shown = context_of(args), quiet_if_json(args, terminal)
    if args.flat:
        body = flat(story, args.status, message=args.message)
    else:
        body = webhook(context, story, args.status, message=args.message)
    shown.step(f"{story} is {args.status}, by {context.who}")
    answer = send_verdict(context, body, args.timeout)
    if args.json:
        print_json({"story": story, "status": args.status, "httpStatus": answer.status, "answer": _parsed(answer.text)})
    problem = refusal(answer, decision_of(args.status))
    show = shown.fail if problem else shown.done
    show(answer_line(answer))
    if problem:
        shown.fail(problem)
    if later := uncounted(answer):
        shown.warn(later)
    return 1 if problem else 0


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
