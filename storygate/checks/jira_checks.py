"""The stage's Jira: its credentials, its webhook, and the statuses in which its stories are closed."""

from datetime import date, timedelta

from chalicelib import rules, settings
from chalicelib.jira_api import JiraApi, JiraAway, JiraFailed
from storygate.checks.finding import Examination, Finding, check, fail, ok, skip, warn
from storygate.deployment.functions import callback_url
from storygate.deployment.jira_credentials import api_base, explained, jira_at, stored_credentials
from storygate.operations.jira_site import Webhook, closing_statuses, webhooks_to, whose_token

SOON = timedelta(days=14)
NO_JIRA = "the stage names no Jira (STORYGATE_JIRA_SITE)"


@check("jira token", "without it storygate cannot ask about a story whose webhook was lost, nor write on the story")
def token(context: Examination) -> Finding:
    """Jira accepts the stored credentials, and they do not expire soon."""
    if not context.stage.jira_site:
        return skip(NO_JIRA)
    connect = context.stage.command("jira connect")
    try:
        credentials = stored_credentials(context)
        name = whose_token(jira_at(api_base(context), credentials))
    except JiraFailed as error:
        return fail(str(error), connect) if error.status in {401, 403} else warn(str(error), connect)
    try:
        expires = date.fromisoformat(credentials.expires or "")
    except ValueError:
        return warn(f"{name}'s; the day on which it expires is not known", connect)
    left = expires - context.now.date()
    if left < SOON:
        return warn(f"{name}'s; it expires on {expires}, in {max(left.days, 0)} days", f"a new token, then {connect}")
    return ok(f"of {name}, until {expires}")


@check("jira webhook", "Jira reports to a stage only what its webhook says, and signs only with a secret")
def webhook(context: Examination) -> Finding:
    """Jira has a webhook to the callback, with the events, the projects and a secret."""
    api = _api(context)
    if isinstance(api, Finding):
        return api
    wanted = Webhook(f"storygate {context.stage.name}", callback_url(context), context.stage.projects)
    mend = context.stage.command("jira connect --webhook")
    try:
        found = webhooks_to(api, wanted.url)
    except JiraAway as error:
        return skip(str(error))
    except JiraFailed as error:
        if error.status == 403:
            return skip("only an administrator's token shows it; in Jira: System, WebHooks")
        return warn(str(error), mend)
    if not found:
        return warn(f"none sends to {wanted.url}", mend)
    if len(found) > 1:
        return warn(f"{len(found)} send to {wanted.url}", "remove all but one in Jira: System, WebHooks")
    wrong = wanted.wrong_in(found[0])
    if wrong:
        return warn("; ".join(wrong), mend)
    return ok(f"{found[0].get('name')}, to {wanted.url}; Jira does not show its secret")


@check("jira statuses", "a story that is closed in a status of no list is pending, and its run waits on")
def statuses(context: Examination) -> Finding:
    """Each status in which the projects close stories approves or rejects."""
    api = _api(context)
    if isinstance(api, Finding):
        return api
    if not context.stage.projects:
        return skip("the stage gates every project (STORYGATE_PROJECTS)")
    listed = {
        settings.fold(name)
        for variable, default in (
            ("STORYGATE_APPROVED_STATUSES", rules.APPROVED_STATUSES),
            ("STORYGATE_REJECTED_STATUSES", rules.REJECTED_STATUSES),
        )
        for name in context.stage.listed(variable) or default
    }
    unlisted = []
    try:
        with explained("Give the user of `jira connect` the permission to browse the project."):
            for project in context.stage.projects:
                names = [name for name in closing_statuses(api, project) if settings.fold(name) not in listed]
                unlisted += [f"{project}: {', '.join(names)}"] if names else []
    except JiraAway as error:
        return skip(str(error))
    if unlisted:
        return warn(
            f"in no list: {'; '.join(unlisted)}",
            "add each to STORYGATE_APPROVED_STATUSES or STORYGATE_REJECTED_STATUSES, then deploy",
        )
    return ok(f"every closing status of {', '.join(context.stage.projects)} is in a list")


def _api(context: Examination) -> JiraApi | Finding:
    """Return the stage's Jira, or why it is not asked: then `jira token` says what to do."""
    if not context.stage.jira_site:
        return skip(NO_JIRA)
    try:
        return jira_at(api_base(context), stored_credentials(context))
    except JiraAway as error:
        return skip(str(error))
