"""Executions are described and listed, and so are their histories.

AWS: DescribeExecution gives the output as JSON text, once closed always the stop date, and whether the execution can be
redriven. ListExecutions lists the newest first, also those of a version or an alias; a page has 1,000 at most.
GetExecutionHistory takes `reverseOrder`, `maxResults` and `nextToken`. (API reference of these; recorded on AWS in
localstack/localstack's aws.validated snapshots.)
moto 5.2.5 drops the stop date of a timed-out execution, the quotes of a string output, all about redriving, versions
and aliases, every argument of GetExecutionHistory but the ARN, and takes any page size and any status.
"""

from typing import Any

from moto.core.responses import ActionResult
from moto.stepfunctions.exceptions import ValidationException
from moto.stepfunctions.parser.backend.execution import Execution
from moto.stepfunctions.responses import StepFunctionResponse

from localcloud.gaps.patching import Gap
from localcloud.gaps.stepfunctions.versions import machine_of

HISTORY_PAGE, LIST_PAGE, MAX_PAGE = 1000, 100, 1000
REDRIVABLE = ("FAILED", "ABORTED", "TIMED_OUT")
STATUSES = ("RUNNING", "SUCCEEDED", *REDRIVABLE, "PENDING_REDRIVE")
LISTED = (
    "executionArn",
    "stateMachineArn",
    "name",
    "status",
    "startDate",
    "stopDate",
    "redriveCount",
    "stateMachineVersionArn",
    "stateMachineAliasArn",
)

gap = Gap()


@gap.replaces(Execution, "to_describe_output")
def _describe(self: Any) -> dict[str, Any]:
    status = self.status
    described = {
        "executionArn": self.exec_arn,
        "stateMachineArn": self.state_machine.arn,
        "name": self.name,
        "status": status,
        "startDate": self.start_date,
        "stopDate": self.stop_date,
        "input": self.execution_input,
        "inputDetails": {"included": True},
        "output": self.output,
        "outputDetails": {"included": True} if self.output is not None else None,
        "error": self.error,
        "cause": self.cause,
        "traceHeader": self.trace_header,
        "stateMachineVersionArn": self.state_machine.version_arn,
        "stateMachineAliasArn": self.state_machine.alias_arn,
        "redriveCount": 0,
        "redriveStatus": "REDRIVABLE" if status in REDRIVABLE else "NOT_REDRIVABLE",
        "redriveStatusReason": None if status in REDRIVABLE else f"Execution is {status} and cannot be redriven",
    }
    return {name: value for name, value in described.items() if value is not None}


@gap.replaces(StepFunctionResponse, "describe_execution")
def _describe_response(self: Any) -> ActionResult:
    execution = self.stepfunction_backend.describe_execution(self._get_param("executionArn"))
    return ActionResult(execution.to_describe_output())


@gap.replaces(StepFunctionResponse, "list_executions")
def _list_response(self: Any) -> ActionResult:
    wanted, size, token = self._get_param("statusFilter"), _page_size(self, LIST_PAGE), self._get_param("nextToken")
    if wanted and wanted not in STATUSES:
        raise _invalid(wanted, "statusFilter", f"Member must satisfy enum value set: [{', '.join(STATUSES)}]")
    machine, qualified = machine_of(self.stepfunction_backend, self._get_param("stateMachineArn"))
    found = [
        execution
        for execution in sorted(machine.executions, key=lambda each: each.start_date, reverse=True)
        if (not qualified or qualified in (execution.state_machine.version_arn, execution.state_machine.alias_arn))
        and (not wanted or execution.status == wanted)
    ]
    after = [execution.exec_arn for execution in found].index(token) + 1 if token else 0
    page = [execution.to_describe_output() for execution in found[after : after + size]]
    answer: dict[str, Any] = {
        "executions": [{name: described[name] for name in LISTED if name in described} for described in page]
    }
    if len(found) > after + size:
        answer["nextToken"] = page[-1]["executionArn"]
    return ActionResult(answer)


@gap.replaces(StepFunctionResponse, "get_execution_history")
def _history_response(self: Any) -> ActionResult:
    execution = self.stepfunction_backend.describe_execution(self._get_param("executionArn"))
    events = execution.to_history_output()["events"] if execution.exec_worker else []
    if self._get_param("reverseOrder"):
        events.reverse()
    start = int(self._get_param("nextToken") or 0)
    end = start + _page_size(self, HISTORY_PAGE)
    page: dict[str, Any] = {"events": events[start:end]}
    if end < len(events):
        page["nextToken"] = str(end)
    return ActionResult(page)


def _page_size(response: Any, default: int) -> int:
    size = int(response._get_param("maxResults") or default)
    if size > MAX_PAGE:
        raise _invalid(size, "maxResults", f"Member must have value less than or equal to {MAX_PAGE}")
    return size


def _invalid(value: object, field: str, constraint: str) -> Exception:
    error: Exception = ValidationException(
        f"1 validation error detected: Value '{value}' at '{field}' failed to satisfy constraint: {constraint}"
    )
    return error
