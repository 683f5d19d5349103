"""Decide what a change of a story means: approved, rejected, pending, or nothing.

The stage's lists name what approves and what rejects; whatever they do not name is pending. The same rules judge a
webhook (jira.py) and the changes in an issue's history.
"""

from typing import NamedTuple

from chalicelib import settings
from chalicelib.verdicts import APPROVED, PENDING, REJECTED

APPROVED_STATUSES = frozenset(("Approved", "Closed", "Complete", "Completed", "Done", "Released", "Resolved"))
APPROVED_RESOLUTIONS = frozenset(
    ("Approved", "Complete", "Completed", "Done", "Fixed", "Implemented", "Released", "Resolved")
)
REJECTED_STATUSES = frozenset(("Rejected", "Declined", "Cancelled", "Canceled", "Won't Do", "Abandoned"))
REJECTED_RESOLUTIONS = frozenset(
    ("Won't Do", "Won't Fix", "Declined", "Rejected", "Duplicate", "Cannot Reproduce", "Cancelled", "Canceled",
     "Incomplete", "Invalid", "Abandoned")
)  # fmt: skip


class State(NamedTuple):
    """A story's status and resolution by their names, None where it has none.

    `category` is the key of the status's category (Jira translates its name); an issue's history does not hold it.
    """

    status: str | None
    resolution: str | None
    category: str | None = None


class Judged(NamedTuple):
    """The decision of a change. It is None if the change decides nothing, and `nothing` says why.

    `unlisted` says why a story that looks approved is pending, and which settings to change.
    """

    decision: str | None
    unlisted: str | None = None
    nothing: str | None = None


class Rules(NamedTuple):
    """What approves and rejects a story, who may approve, and in which projects.

    Names of statuses and resolutions, and approvers, are compared folded (settings.fold), project keys in capitals.
    If `projects` is empty the stage gates every project; if `approvers` is empty everybody may approve.
    """

    approved: frozenset[str]
    approved_resolutions: frozenset[str]
    rejected: frozenset[str]
    rejected_resolutions: frozenset[str]
    projects: frozenset[str] = frozenset()
    approvers: frozenset[str] = frozenset()

    @classmethod
    def from_environment(cls) -> "Rules":
        """Return the stage's rules. Raises Misconfigured, which names the variable."""
        return cls(
            settings.names("STORYGATE_APPROVED_STATUSES", APPROVED_STATUSES),
            settings.names("STORYGATE_APPROVED_RESOLUTIONS", APPROVED_RESOLUTIONS),
            settings.names("STORYGATE_REJECTED_STATUSES", REJECTED_STATUSES),
            settings.names("STORYGATE_REJECTED_RESOLUTIONS", REJECTED_RESOLUTIONS),
            settings.projects("STORYGATE_PROJECTS"),
            settings.names("STORYGATE_APPROVERS"),
        )

    def gates(self, story: str) -> bool:
        """Return whether the story's project is one that the stage gates. The key's prefix is the project's key."""
        return not self.projects or story.rpartition("-")[0] in self.projects

    def let_approve(self, actors: frozenset[str]) -> bool:
        """Return whether a user may approve who is known by these ids (folded); none if the user is not proven."""
        return not self.approvers or not self.approvers.isdisjoint(actors)

    def decision(self, state: State) -> str:
        """Return what a state of a story decides by its names, whoever brought it about."""
        status, resolution = settings.fold(state.status or ""), settings.fold(state.resolution or "")
        listed = status in self.approved
        if status in self.rejected:
            return REJECTED
        if resolution in self.rejected_resolutions and (listed or state.category == "done"):
            return REJECTED
        return APPROVED if listed and (not resolution or resolution in self.approved_resolutions) else PENDING

    def judge(self, now: State, before: State | None, actors: frozenset[str], *, moved: bool) -> Judged:
        """Return what a change of a story decides.

        `before` is the story's state before that change, None if it was created or if that does not matter. `actors`
        are the folded ids of the user who made the change, none if nothing proves the user. `moved`: the change gave
        the story another key. Rejected and pending always count. An approval must be a change: a story that becomes
        Closed after it was Done was approved before.
        """
        decision = self.decision(now)
        if decision == APPROVED and moved:
            return Judged(None, nothing="a move to another key approves nothing: then move the story out and in again")
        if decision == APPROVED and before and self.decision(before) == APPROVED:
            return Judged(None, nothing="the story was approved before this change already")
        if decision == APPROVED and not self.let_approve(actors):
            decision = PENDING
        return Judged(decision, self._unlisted(now, actors) if decision == PENDING else None)

    def _unlisted(self, now: State, actors: frozenset[str]) -> str | None:
        """Return what a pending story lacks to be approved; None if it is open and its status does not approve."""
        listed = settings.fold(now.status or "") in self.approved
        if not listed and now.category != "done":
            return None
        missing = []
        if not listed:
            missing.append(_in_no_list("status", now.status, "STATUSES"))
        if now.resolution and settings.fold(now.resolution) not in self.approved_resolutions:
            missing.append(_in_no_list("resolution", now.resolution, "RESOLUTIONS"))
        return unlisted(missing + ([] if self.let_approve(actors) else [no_approver(actors)]))


def unlisted(missing: list[str]) -> str:
    """Return the answer's `unlisted`: what is missing, and how to go on once that is mended."""
    return "; ".join(missing) + "; then move the story out of this status and in again"


def no_approver(actors: frozenset[str]) -> str:
    """Return why a user with these ids may not approve."""
    if not actors:
        return "STORYGATE_APPROVERS is set, and only a signed webhook proves who approves: let one of them do it"
    return f"{' or '.join(sorted(actors))} is not in STORYGATE_APPROVERS: add it, or let one of those approve"


def _in_no_list(what: str, name: str | None, variable: str) -> str:
    return (
        f'{what} "{name or "without a name"}" is in no list: '
        f"add it to STORYGATE_APPROVED_{variable} or STORYGATE_REJECTED_{variable}"
    )
