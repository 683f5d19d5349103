"""The AWS that a command works on: the account of the operator's credentials, or the local cloud."""

import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import boto3

from storygate.support.errors import no_region


@dataclass(frozen=True)
class Aws:
    """Clients for this process, and the environment that makes a child process work on the same AWS."""

    make_client: Callable[[str], Any]
    """A function that makes a service's client, such as `boto3.Session().client`."""
    region: str
    environment: Mapping[str, str]
    _clients: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False, compare=False)

    def client(self, service: str) -> Any:
        """Return the one client of a service. Threads may share clients, but must not make them (boto3 guide)."""
        with self._lock:
            if service not in self._clients:
                self._clients[service] = self.make_client(service)
            return self._clients[service]

    @property
    def endpoint_url(self) -> str | None:
        """The URL of an AWS that is not AWS itself, e.g. `http://127.0.0.1:4566`; else None."""
        return (self.environment.get("AWS_ENDPOINT_URL") or "").rstrip("/") or None


def of_environment() -> Aws:
    """Return the AWS that the AWS CLI would use here, by its profile, keys, region and AWS_ENDPOINT_URL.

    Raises OperatorError if no region is set.
    """
    session = boto3.Session()
    if not session.region_name:
        raise no_region()
    return Aws(session.client, session.region_name, dict(os.environ))


def isolated(make_client: Callable[[str], Any], environment: Mapping[str, str]) -> Aws:
    """Return an AWS whose child processes do not see the operator's: no key, profile, region or config file.

    So a local run can never reach a real account, whatever AWS_PROFILE or AWS_ENDPOINT_URL_S3 the shell sets.
    """
    child = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    child |= {
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1,localhost",
        **environment,
    }
    return Aws(make_client, environment["AWS_DEFAULT_REGION"], child)
