"""The AWS that a command works on: the account of the operator's credentials, or the local cloud."""

import os
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import boto3
import botocore.session
from botocore.config import Config

from storygate.support.errors import OperatorError, no_region
from storygate.support.own_command import command_line

LOCAL = "local"
"""The stage of config.json that the local cloud has, and no account."""
LOCAL_URL = "http://127.0.0.1:4566"
"""Where `storygate local` serves AWS, unless it is given another port."""
LOCAL_REGION = "us-east-1"
CONNECT_SECONDS = 5.0


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


def of_stage(stage: str) -> Aws:
    """Return the AWS of a stage: the local cloud for `local`, whatever credentials the shell has; else its account.

    Raises OperatorError if no local cloud runs, or if no region is set.
    """
    return of_local_cloud() if stage == LOCAL else of_environment()


def of_local_cloud() -> Aws:
    """Return the local cloud at AWS_ENDPOINT_URL, else at LOCAL_URL. Never an account: keys and region are made up."""
    url = (os.environ.get("AWS_ENDPOINT_URL") or LOCAL_URL).rstrip("/")
    parts = urlsplit(url)
    try:
        port = parts.port or {"http": 80}.get(parts.scheme, 443)
        socket.create_connection((parts.hostname or "", port), CONNECT_SECONDS).close()
    except (OSError, ValueError) as error:
        raise OperatorError(
            f"No local cloud answers at {url}: {getattr(error, 'strerror', None) or error}.",
            f"Start it in another shell: {command_line(LOCAL)}. If it has another port: export AWS_ENDPOINT_URL=…",
        ) from error
    keys = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
    # A session reads AWS_PROFILE, and fails if there is no such profile.
    session = boto3.Session(
        botocore_session=botocore.session.Session({"profile": (None, None, None, None)}),
        aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
        region_name=LOCAL_REGION,
    )
    direct = Config(proxies={})  # not through the shell's proxy
    return isolated(
        lambda service: session.client(service, endpoint_url=url, config=direct),
        {"AWS_ENDPOINT_URL": url, **keys, "AWS_DEFAULT_REGION": LOCAL_REGION, "AWS_REGION": LOCAL_REGION},
    )


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
