"""The alarms: they exist, notify a person, and none is going off."""

from typing import Any

from storygate.checks.expected_alarms import Alarm, Filter, alarms_of, filters_of
from storygate.checks.finding import Examination, Finding, absent, check, fail, ok, warn

READ = {"AlarmTopicArn": "wake a person", "MorningTopicArn": "are read in the morning"}
"""The parameters of workflow.yaml that name a topic, and the alarms that notify it."""


@check("alarms", "without them a problem is found only when a person looks")
def present(context: Examination) -> Finding:
    """Each alarm exists, with its metric and its threshold, and so does each filter that counts log lines for one."""
    expected, topics, described = _expected(context), _topics(context), _described(context)
    filters = filters_of(context.project, context.stage)
    there = {one.name: _described_filter(context, one) for one in filters}
    wrong = {alarm.name: (described, alarm.command(topics[alarm.topic_parameter]))
             for alarm in expected if not alarm.is_like(described.get(alarm.name, {}))}  # fmt: skip
    wrong |= {one.name: (there, one.command) for one in filters if not one.is_like(there[one.name])}
    if not wrong:
        return ok(f"{len(expected)}, and {len(filters)} filters of log lines, as packaged")
    names = ", ".join(f"{name} ({'changed' if found.get(name) else 'not there'})" for name, (found, _) in wrong.items())
    return fail(names, " && ".join(command for _, command in wrong.values()))


@check("alarms notify", "an alarm without a subscriber is not noticed")
def wired(context: Examination) -> Finding:
    """Each alarm sends to its topic of the stage's configuration, and the topics have a subscriber."""
    topics, described = _topics(context), _described(context)
    if off := [name for name, alarm in described.items() if not alarm.get("ActionsEnabled")]:
        return fail(
            f"switched off: {', '.join(off)}", f"aws cloudwatch enable-alarm-actions --alarm-names {' '.join(off)}"
        )
    mute = {
        alarm.name: alarm.command(topic)
        for alarm in _expected(context)
        if (topic := topics[alarm.topic_parameter])
        and topic not in described.get(alarm.name, {}).get("AlarmActions", [])
    }
    if mute:
        return fail(f"not sent to their topic: {', '.join(mute)}", " && ".join(mute.values()))
    findings = [_listened_to(context, topic) for topic in dict.fromkeys(topics.values()) if topic]
    if bad := next((finding for finding in findings if finding.status != "ok"), None):
        return bad
    if missing := [name for name, topic in topics.items() if not topic]:
        named = ", ".join(f'"{name}": "arn:…"' for name in missing)
        return warn(
            f"no topic for those that {' and those that '.join(READ[name] for name in missing)}: they send no message",
            f'name SNS topics, "workflow": {{{named}}} in stage "{context.stage.name}" of '
            f".chalice/config.json, then {context.deploy_command}",
        )
    return ok(", ".join(dict.fromkeys(topics.values())))


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
    return alarms_of(context.project, context.stage, context.machine_arn)


def _topics(context: Examination) -> dict[str, str]:
    """Parameter of workflow.yaml -> the ARN of the topic that the stage names; empty if it names none."""
    return {name: context.stage.workflow_parameters.get(name, "") for name in READ}


def _described(context: Examination) -> dict[str, Any]:
    """The stage's existing alarms, by name."""
    names = [alarm.name for alarm in _expected(context)]
    answer = context.client("cloudwatch").describe_alarms(AlarmNames=names)
    return {alarm["AlarmName"]: alarm for alarm in answer["MetricAlarms"]}


def _described_filter(context: Examination, expected: Filter) -> dict[str, Any]:
    """An existing filter; empty if it, or its log group, is not there."""
    client = context.client("logs")
    try:
        found = client.describe_metric_filters(logGroupName=expected.log_group, filterNamePrefix=expected.name)
    except client.exceptions.ResourceNotFoundException:
        return {}
    return next((one for one in reversed(found["metricFilters"]) if one["filterName"] == expected.name), {})
