"""The alarms: they exist, notify a person, and none is going off."""

from typing import Any

from storygate.checks.expected_alarms import Alarm, alarms_of
from storygate.checks.finding import Examination, Finding, absent, check, fail, ok, warn


@check("alarms", "without them a problem is found only when a person looks")
def present(context: Examination) -> Finding:
    """Each alarm exists, with its metric and its threshold."""
    expected, topic = _expected(context), _topic(context)
    described = _described(context)
    wrong = [alarm for alarm in expected if not alarm.is_like(described.get(alarm.name, {}))]
    if not wrong:
        return ok(f"{len(expected)}, as packaged")
    names = ", ".join(f"{alarm.name} ({'changed' if alarm.name in described else 'not there'})" for alarm in wrong)
    return fail(names, " && ".join(alarm.command(topic) for alarm in wrong))


@check("alarms notify", "an alarm without a subscriber is not noticed")
def wired(context: Examination) -> Finding:
    """Each alarm sends to the topic of the stage's configuration, and the topic has a subscriber."""
    topic, described = _topic(context), _described(context)
    if not topic:
        return warn(
            "no topic: they change their state and send no message",
            f'name an SNS topic, "workflow": {{"AlarmTopicArn": "arn:…"}} in stage "{context.stage.name}" of '
            f".chalice/config.json, then {context.deploy_command}",
        )
    if off := [name for name, alarm in described.items() if not alarm.get("ActionsEnabled")]:
        return fail(
            f"switched off: {', '.join(off)}", f"aws cloudwatch enable-alarm-actions --alarm-names {' '.join(off)}"
        )
    mute = [alarm for alarm in _expected(context) if topic not in described.get(alarm.name, {}).get("AlarmActions", [])]
    if mute:
        return fail(
            f"not sent to {topic}: {', '.join(alarm.name for alarm in mute)}",
            " && ".join(alarm.command(topic) for alarm in mute),
        )
    return _listened_to(context, topic)


@check("alarms quiet", "an alarm that is going off is a problem right now")
def quiet(context: Examination) -> Finding:
    """No alarm is going off."""
    loud = [name for name, alarm in _described(context).items() if alarm["StateValue"] == "ALARM"]
    if not loud:
        return ok("no alarm is going off")
    return warn(
        ", ".join(loud),
        f"aws cloudwatch describe-alarms --alarm-names {' '.join(loud)} shows its meaning; see docs/troubleshooting.md",
    )


def _listened_to(context: Examination, topic: str) -> Finding:
    if topic.split(":")[4] != context.account:
        return ok(f"{topic}; only its own account can see the subscribers")
    with absent(
        *("NotFound", "NotFoundException"),
        found=f"topic {topic} does not exist",
        fix=f"aws sns create-topic --name {topic.rpartition(':')[2]}, or name another one in config.json",
    ):
        pages = list(context.client("sns").get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic))
    # A subscription that is not confirmed has the word PendingConfirmation for an ARN (SNS API reference, Subscribe).
    if not any(entry["SubscriptionArn"].startswith("arn:") for page in pages for entry in page["Subscriptions"]):
        return warn(
            f"{topic} has no confirmed subscriber",
            f"aws sns subscribe --topic-arn {topic} --protocol email --notification-endpoint oncall@example.com",
        )
    return ok(topic)


def _expected(context: Examination) -> tuple[Alarm, ...]:
    return alarms_of(context.stage, context.machine_arn)


def _topic(context: Examination) -> str:
    return context.stage.workflow_parameters.get("AlarmTopicArn", "")


def _described(context: Examination) -> dict[str, Any]:
    """The stage's existing alarms, by name."""
    names = [alarm.name for alarm in _expected(context)]
    answer = context.client("cloudwatch").describe_alarms(AlarmNames=names)
    return {alarm["AlarmName"]: alarm for alarm in answer["MetricAlarms"]}
