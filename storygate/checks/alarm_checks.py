"""The alarms: there, telling somebody, and quiet."""

from typing import Any

from storygate.checks.expected_alarms import Alarm, alarms_of
from storygate.checks.finding import Finding, Site, absent, check, fail, ok, warn


@check("alarms", "nobody looks at a dashboard at night")
def present(site: Site) -> Finding:
    """Each alarm is there, and goes off when it should."""
    expected, topic = _expected(site), _topic(site)
    described = _described(site)
    wrong = [alarm for alarm in expected if not alarm.is_like(described.get(alarm.name, {}))]
    if not wrong:
        return ok(f"{len(expected)}, as packaged")
    told = ", ".join(f"{alarm.name} ({'changed' if alarm.name in described else 'not there'})" for alarm in wrong)
    return fail(told, " && ".join(alarm.command(topic) for alarm in wrong))


@check("alarms tell somebody", "an alarm that tells nobody is a decoration")
def wired(site: Site) -> Finding:
    """Each alarm acts, on the topic of the stage's configuration, and somebody listens there."""
    topic, described = _topic(site), _described(site)
    if not topic:
        return warn(
            "no topic: they change colour and tell nobody",
            f'name an SNS topic, "workflow": {{"AlarmTopicArn": "arn:…"}} in stage "{site.stage.name}" of '
            f".chalice/config.json, then {site.deploy}",
        )
    if off := [name for name, alarm in described.items() if not alarm.get("ActionsEnabled")]:
        return fail(
            f"switched off: {', '.join(off)}", f"aws cloudwatch enable-alarm-actions --alarm-names {' '.join(off)}"
        )
    mute = [alarm for alarm in _expected(site) if topic not in described.get(alarm.name, {}).get("AlarmActions", [])]
    if mute:
        return fail(
            f"not told to {topic}: {', '.join(alarm.name for alarm in mute)}",
            " && ".join(alarm.command(topic) for alarm in mute),
        )
    return _listened_to(site, topic)


@check("alarms quiet", "something is wrong right now")
def quiet(site: Site) -> Finding:
    """No alarm is going off."""
    loud = [name for name, alarm in _described(site).items() if alarm["StateValue"] == "ALARM"]
    if not loud:
        return ok("none goes off")
    return warn(
        ", ".join(loud),
        f"aws cloudwatch describe-alarms --alarm-names {' '.join(loud)} tells what each means; docs/troubleshooting.md",
    )


def _listened_to(site: Site, topic: str) -> Finding:
    if topic.split(":")[4] != site.account:
        return ok(f"{topic}; who listens, only its own account can tell")
    with absent(
        *("NotFound", "NotFoundException"),
        found=f"topic {topic} does not exist",
        fix=f"aws sns create-topic --name {topic.rpartition(':')[2]}, or name another one in config.json",
    ):
        pages = list(site.client("sns").get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic))
    # One that nobody has confirmed yet has the word PendingConfirmation for an ARN (SNS API reference, Subscribe).
    if not any(entry["SubscriptionArn"].startswith("arn:") for page in pages for entry in page["Subscriptions"]):
        return warn(
            f"nobody has subscribed to {topic}",
            f"aws sns subscribe --topic-arn {topic} --protocol email --notification-endpoint oncall@example.com",
        )
    return ok(topic)


def _expected(site: Site) -> tuple[Alarm, ...]:
    return alarms_of(site.stage, site.machine)


def _topic(site: Site) -> str:
    return site.stage.workflow_parameters.get("AlarmTopicArn", "")


def _described(site: Site) -> dict[str, Any]:
    """The stage's alarms as they are, by name."""
    names = [alarm.name for alarm in _expected(site)]
    answer = site.client("cloudwatch").describe_alarms(AlarmNames=names)
    return {alarm["AlarmName"]: alarm for alarm in answer["MetricAlarms"]}
