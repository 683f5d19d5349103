"""What a new local Jira site has: its people, the workflow's statuses, the resolutions."""

from dataclasses import dataclass


@dataclass(frozen=True)
class User:
    """A person, or an app's account. `email` is the user name of Basic authentication."""

    account_id: str
    name: str
    email: str
    kind: str = "atlassian"


@dataclass(frozen=True)
class Status:
    """A status. `category` is a key of CATEGORIES; `resolution` is what the workflow sets when a story enters it."""

    id: str
    name: str
    category: str
    resolution: str | None = None

    @property
    def transition(self) -> str:
        """The id of the transition to this status; every status can be reached from every other one."""
        return str(int(self.id) - 10000 + 1) + "1"


CATEGORIES = {  # number, colour and English name, by the key that never changes
    "new": (2, "blue-gray", "To Do"),
    "indeterminate": (4, "yellow", "In Progress"),
    "done": (3, "green", "Done"),
}

STATUSES = (
    Status("10000", "To Do", "new"),
    Status("10001", "In Progress", "indeterminate"),
    Status("10002", "In Review", "indeterminate"),
    Status("10003", "Done", "done", "Done"),
    Status("10004", "Rejected", "done", "Won't Do"),
)
"""The statuses in the order of the board; the first one is where a new story starts."""

RESOLUTIONS = {"Done": "10000", "Won't Do": "10001", "Duplicate": "10002", "Cannot Reproduce": "10003"}
"""Those that every site has, with their ids; those that its statuses set come on top."""


def resolution_id(name: str | None) -> str | None:
    """Return a resolution's id, which its name alone decides."""
    return None if name is None else RESOLUTIONS.get(name) or str(11000 + sum(map(ord, name)))


TOKEN = "local"  # noqa: S105 - like the local AWS's access key: whoever reaches this port may use it
ACCOUNT = User("712020:00000000-0000-4000-8000-000000000001", "Deployments", "deployments@example.com", "app")
"""The account for programs that ask this Jira. It may do everything, as an administrator."""

PEOPLE = (
    User("712020:3f1c9d52-0b77-4e0e-9a51-6f0d2c8e4b10", "Ada Marlow", "ada@example.com"),
    User("712020:7a60c1be-58d1-4a8e-8f0d-0c6b1c1f2a33", "Noor Haddad", "noor@example.com"),
    User("712020:c2b8e0f4-1d3a-4f57-9b6e-5e4d7a9c8b21", "Tom Okafor", "tom@example.com"),
)
USERS = (*PEOPLE, ACCOUNT)
