"""Runs the AWS CLI commands that storygate prints, through boto3: unknown services, operations and options fail.

Only the forms that occur are understood: options with JSON, shorthand (`Name=a,Value=b`) or plain words, and `s3 cp`.
"""

import json
import shlex
from collections.abc import Callable
from itertools import groupby
from typing import Any

from botocore import xform_name

SERVICES = {"s3api": "s3"}


def run(commands: str, client: Callable[[str], Any]) -> None:
    """Runs commands joined by `&&`."""
    for is_and, command in groupby(shlex.split(commands), lambda word: word == "&&"):
        if is_and:
            continue
        aws, service, operation, *words = command
        assert aws == "aws", commands
        if (service, operation) == ("s3", "cp"):
            _copy(client("s3"), *words)
        else:
            _call(client(SERVICES.get(service, service)), operation, words)


def _call(client: Any, operation: str, words: list[str]) -> None:
    method = operation.replace("-", "_")
    shape = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[method]).input_shape
    members = {xform_name(name, "-"): name for name in shape.members}
    arguments: dict[str, Any] = {}
    for option, values in _options(words):
        if option == "cli-input-json":
            arguments |= json.loads(values[0])
            continue
        name = members[option]
        arguments[name] = _value(shape.members[name], values)
    getattr(client, method)(**arguments)


def _options(words: list[str]) -> list[tuple[str, list[str]]]:
    found: list[tuple[str, list[str]]] = []
    for word in words:
        if word.startswith("--"):
            found.append((word.removeprefix("--"), []))
        else:
            found[-1][1].append(word)
    return found


def _value(shape: Any, words: list[str]) -> Any:
    if not words and shape.type_name == "boolean":
        return True  # `--flag`
    if words[0][0] in "{[" and shape.type_name != "string":
        return json.loads(words[0])
    match shape.type_name:
        case "list":
            return [_value(shape.member, [word]) for word in words]
        case "structure":
            pairs = dict(pair.split("=", 1) for pair in words[0].split(","))
            return {name: _value(shape.members[name], [text]) for name, text in pairs.items()}
        case "map":
            return dict(pair.split("=", 1) for pair in words[0].split(","))
        case "boolean":
            return {"true": True, "false": False}[words[0]]
        case "integer" | "long":
            return int(words[0])
        case "double" | "float":
            return float(words[0])
    return words[0]


def _copy(s3: Any, source: str, target: str, option: str, directive: str) -> None:
    assert option == "--metadata-directive"
    (bucket, key), (to_bucket, to_key) = (at.removeprefix("s3://").split("/", 1) for at in (source, target))
    s3.copy_object(Bucket=to_bucket, Key=to_key, CopySource={"Bucket": bucket, "Key": key}, MetadataDirective=directive)
