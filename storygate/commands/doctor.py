"""`doctor`: the production checklist as a program. It looks, and changes nothing."""

import argparse
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from storygate.checks import CHECKS, Check, Finding, Site
from storygate.stage.aws import Aws, of_environment
from storygate.stage.config import find_project, load_stage
from storygate.support.terminal import Terminal

WAITING_DAYS = 7


def register(commands: Any) -> None:
    """Adds the command to the command line."""
    parser = commands.add_parser(
        "doctor",
        help="check a stage against the production checklist",
        description="Checks a stage against the production checklist: what was found, why it matters, and the command "
        "that mends it. Changes nothing. Exits 1 if a check fails; warnings and what was skipped are shown.",
        epilog="Example: python -m storygate doctor --stage prod --json",
    )
    parser.add_argument("--stage", required=True, help="a stage of .chalice/config.json, such as dev")
    parser.add_argument("--json", action="store_true", help="JSON on standard output, and nothing else there")
    parser.add_argument(
        "--waiting-days",
        type=days,
        default=WAITING_DAYS,
        metavar="N",
        help=f"warn of runs that wait longer (default {WAITING_DAYS})",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, terminal: Terminal) -> int:
    """The command: 1 if a check fails, else 0."""
    site = site_of(find_project(), args.stage, of_environment(), waiting_days=args.waiting_days)
    findings = []
    for finding in examine(site):
        findings.append(finding)
        if not args.json:
            tell(finding, terminal)
    failed = any(finding.status == "fail" for finding in findings)
    if args.json:
        print(json.dumps(document(site, findings), ensure_ascii=False), flush=True)
    else:
        _sum_up(site, findings, terminal)
    return 1 if failed else 0


def days(text: str) -> int:
    """A number of days as an argument."""
    number = int(text)
    if not 1 <= number <= 365:
        raise argparse.ArgumentTypeError(f"{number} is not from 1 to 365")
    return number


def site_of(
    project: Path, stage_name: str, aws: Aws, *, waiting_days: int = WAITING_DAYS, now: datetime | None = None
) -> Site:
    """The stage as it is deployed. Without credentials nothing can be looked at: botocore's error passes through."""
    stage = load_stage(project, stage_name, aws.region)
    caller = aws.client("sts").get_caller_identity()
    partition = str(caller["Arn"]).split(":")[1]
    return Site(project, stage, aws, caller["Account"], partition, now or datetime.now(UTC), waiting_days)


def examine(site: Site, checks: Sequence[Check] = CHECKS) -> Iterator[Finding]:
    """One finding per check, in order, each as soon as it is known."""
    for check in checks:
        yield check.examine(site)


def tell(finding: Finding, terminal: Terminal) -> None:
    """One line if all is well; else also why it matters and what mends it, on lines of their own to copy."""
    show: dict[str, Callable[[str], None]] = {"ok": terminal.done, "warn": terminal.warn, "fail": terminal.fail}
    show.get(finding.status, terminal.detail)(f"{finding.status:<4}  {finding.check}: {finding.found}")
    if finding.status in {"warn", "fail"}:
        terminal.say(f"      why: {finding.why}")
        terminal.say(f"      fix: {finding.fix}")


def document(site: Site, findings: Sequence[Finding]) -> dict[str, Any]:
    """What --json prints."""
    return {
        "stage": site.stage.name,
        "account": site.account,
        "region": site.stage.region,
        "checkedAt": site.now.isoformat(timespec="seconds"),
        "healthy": not any(finding.status == "fail" for finding in findings),
        "findings": [asdict(finding) for finding in findings],
    }


def _sum_up(site: Site, findings: Sequence[Finding], terminal: Terminal) -> None:
    counts = Counter(finding.status for finding in findings)
    told = f"stage {site.stage.name}: " + ", ".join(
        f"{counts[status]} {status}" for status in ("fail", "warn", "skip", "ok") if counts[status]
    )
    if counts["fail"]:
        terminal.fail(told)
    elif counts["warn"]:
        terminal.warn(told)
    else:
        terminal.done(told)
