"""`jira`: give the stage its Jira, or say what is wrong with it."""

import argparse
import datetime
from typing import Any

from chalicelib.jira_api import Credentials, JiraApi, JiraFailed
from storygate.checks import JIRA_CHECKS, Examination, examine
from storygate.commands.arguments import add_command, context_of, print_json
from storygate.commands.findings import document, show
from storygate.deployment.functions import callback_url
from storygate.deployment.jira_credentials import api_base, explained, jira_at, store_credentials
from storygate.deployment.stage_secret import read_field
from storygate.operations.jira_site import PERMISSIONS, Webhook, missing_permissions, put_webhook, whose_token
from storygate.operations.trial_delivery import try_delivery
from storygate.stage.context import Context
from storygate.support.errors import OperatorError
from storygate.support.terminal import Terminal

TOKENS = "https://id.atlassian.com/manage-profile/security/api-tokens"
LONGEST = datetime.timedelta(days=366)  # that a token of Jira Cloud lives
SCOPED = (
    "Check user and token. A token with scopes, or a service account's, needs STORYGATE_JIRA_API: "
    "https://api.atlassian.com/ex/jira/<cloudId>, with the cloudId that {site}/_edge/tenant_info shows."
)


def register(commands: Any) -> None:
    """Add the command to the command line."""
    parser = add_command(
        commands,
        "jira",
        run,
        help="connect the stage with its Jira Cloud, or check that connection",
        description="`jira connect` asks for a user and a token, with which storygate reads stories and writes on "
        "them. It tries both, stores them in a secret of their own, and sends the callback a test delivery. It never "
        "shows a token. Without a terminal it reads tokens from standard input, one a line: the user's, then with "
        "--webhook the administrator's. `jira check` and `doctor` find what is wrong later.",
        example="connect --stage dev --webhook",
    )
    parser.add_argument("what", choices=("connect", "check"), metavar="{connect,check}")
    parser.add_argument("--site", metavar="URL", help="the Jira, if it is not (yet) the stage's STORYGATE_JIRA_SITE")
    parser.add_argument("--user", metavar="EMAIL", help="the user of the token")
    parser.add_argument("--expires", metavar="DATE", help="the day on which the token expires, such as 2027-01-31")
    parser.add_argument("--story", metavar="KEY", help="a story on which to try the permissions")
    parser.add_argument(
        "--webhook",
        action="store_true",
        help="also make or mend Jira's webhook, with an administrator's token that is asked for and not stored",
    )
    parser.add_argument("--admin", metavar="EMAIL", help="the administrator, for --webhook")


def run(args: argparse.Namespace, terminal: Terminal) -> int:
    """Connect: 0. Check: 1 if a check fails, else 0."""
    context = context_of(args)
    if args.what == "check":
        return check(context, terminal, as_json=args.json)
    if args.json:
        raise OperatorError("`jira connect` asks questions; it prints no JSON.", "Leave --json out.")
    connect(context, args, terminal)
    return 0


def check(context: Context, terminal: Terminal, *, as_json: bool) -> int:
    """Make doctor's checks of Jira."""
    examined = Examination(context.project, context.stage, context.aws)
    findings = []
    for finding in examine(examined, JIRA_CHECKS):
        findings.append(finding)
        if not as_json:
            show(finding, terminal)
    if as_json:
        print_json(document(examined, findings))
    return 1 if any(finding.status == "fail" for finding in findings) else 0


def connect(context: Context, args: argparse.Namespace, terminal: Terminal) -> None:
    """Ask, try, store, make the webhook if it is asked for, and send a test delivery."""
    stage = context.stage
    site = (args.site or stage.jira_site or _asked(terminal, None, "Jira's address", "--site")).rstrip("/")
    base = api_base(context, site)
    terminal.step(f"Jira {site}")
    user = _asked(terminal, args.user, "User (email)", "--user")
    token = _hidden(terminal, f"Token ({TOKENS}): ")
    expires = _day(_asked(terminal, args.expires, "Token expires on (2027-01-31)", "--expires"))
    story = _asked(terminal, args.story, "A story to try it on (PROJ-1)", "--story").upper()
    _try(jira_at(base, Credentials(user, token)), story, site, terminal)
    store_credentials(context.client("secretsmanager"), stage.jira_secret, user, token, expires)
    terminal.done(f"secret {stage.jira_secret}: stored, expires {expires}")
    if args.webhook:
        _webhook(context, site, args, terminal)
    terminal.step("test delivery")
    with terminal.waiting("the callback's log"):
        trial = try_delivery(context, story)
    if not trial.logged:
        raise OperatorError(
            f"The callback answered HTTP {trial.status}, but its log shows no line of it.",
            f"Look into log group /aws/lambda/{stage.api_function}, then run this again.",
        )
    terminal.done(f"callback: HTTP {trial.status}, seen in its log: {trial.text}")
    if site != stage.jira_site:
        terminal.warn(
            f'stage {stage.name} does not name this Jira yet: add "STORYGATE_JIRA_SITE": "{site}" to its '
            f"environment_variables in .chalice/config.json, then {stage.command('deploy')}"
        )


def _try(api: JiraApi, story: str, site: str, terminal: Terminal) -> None:
    """Show whose token it is and what it may do; raises OperatorError if it is of no use."""
    with explained(SCOPED.format(site=site)):
        terminal.done(f"token: {whose_token(api)}'s")
    with explained(f"Give a story that exists, and let that user browse its project: {story} cannot be seen."):
        missing = missing_permissions(api, story)
    if "BROWSE_PROJECTS" in missing:
        raise OperatorError(f"The user may not browse {story}.", "Give it the permission Browse Projects.")
    for name in missing:
        terminal.warn(f"permission {name} is missing on {story}: {PERMISSIONS[name]}")
    if not missing:
        terminal.done(f"permissions on {story}: {', '.join(PERMISSIONS)}")


def _webhook(context: Context, site: str, args: argparse.Namespace, terminal: Terminal) -> None:
    """Make or mend the webhook with an administrator's token, which is then forgotten."""
    url = callback_url(context)
    if site.startswith("https:") and not url.startswith("https:"):
        raise OperatorError(f"{site} cannot reach {url}.", "Use a stage in an AWS account, or the local Jira.")
    terminal.step("webhook")
    user = _asked(terminal, args.admin, "Administrator (email)", "--admin")
    api = jira_at(site, Credentials(user, _hidden(terminal, "Administrator's token, not stored: ")))
    secret = read_field(context.client("secretsmanager"), context.stage.secret, "callback")
    wanted = Webhook(f"storygate {context.stage.name}", url, context.stage.projects)
    try:
        wrong = put_webhook(api, wanted, secret)
    except JiraFailed as error:
        fix = "Use the token of a user who may administer Jira, or make it by hand (docs/set-up-jira.md)."
        raise OperatorError(f"{error}.", fix) from error
    what = "made" if wrong is None else f"mended ({'; '.join(wrong)})" if wrong else "was right; its secret is current"
    terminal.done(f"webhook to {url}: {what}")


def _asked(terminal: Terminal, given: str | None, question: str, flag: str) -> str:
    answer = given or (terminal.ask(f"{question}: ") if terminal.interactive else "")
    if not answer.strip():
        raise OperatorError(f"There is no answer to: {question}.", f"Give it, or add {flag}.")
    return answer.strip()


def _hidden(terminal: Terminal, question: str) -> str:
    token = terminal.ask_hidden(question)
    if not token:
        raise OperatorError("There is no token.", "Type it, or give it as a line of standard input.")
    return token


def _day(text: str) -> datetime.date:
    try:
        day = datetime.date.fromisoformat(text)
    except ValueError as error:
        raise OperatorError(f"{text} is no day.", "Write it as 2027-01-31.") from error
    today = datetime.datetime.now(datetime.UTC).date()
    if not today <= day <= today + LONGEST:
        raise OperatorError(f"A token does not expire on {day}.", "Give the day that Atlassian shows beside the token.")
    return day
