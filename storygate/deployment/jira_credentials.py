"""Jira's credentials: a secret of their own, which only the functions that call Jira may read."""

import json
from datetime import date
from typing import Any


def store_credentials(client: Any, name: str, user: str, token: str, expires: date) -> None:
    """Write user, token and the day on which the token expires into the secret `name`; create it if it is not there."""
    text = json.dumps({"user": user, "token": token, "expires": expires.isoformat()})
    try:
        client.create_secret(Name=name, Description="storygate: how to call Jira", SecretString=text)
    except client.exceptions.ResourceExistsException:
        client.put_secret_value(SecretId=name, SecretString=text)
