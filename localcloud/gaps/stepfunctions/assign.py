"""`Assign` and `Output` both read variables as they were when the state was entered.

AWS: the values of `Assign` become visible in the next state; an `Output` beside it still reads the old ones, in
every state, Choice rule and catcher. (Measured on AWS by the author of the PyPI package sfnx, its docs/design.md.)

moto 5.2.5 assigns first, so that `Output` reads the new values, and keeps the escapes of JSON in a literal text.
"""

import json
from collections.abc import Callable
from typing import Any

from moto.stepfunctions.parser.asl.component.common.assign.assign_decl import AssignDecl
from moto.stepfunctions.parser.asl.component.common.assign.assign_template_value_terminal import (
    AssignTemplateValueTerminalLit,
)
from moto.stepfunctions.parser.asl.component.state.state import CommonStateField
from moto.stepfunctions.parser.asl.parse.preprocessor import Preprocessor

from localcloud.gaps.patching import Gap
from localcloud.gaps.stepfunctions.evaluation import field

gap = Gap()

# The key of an evaluated `Assign` in the state's scratch memory, which moto clears after every state.
_EVALUATED = "localcloud.assign"


def forget(env: Any) -> None:
    """Drop the values that a failed attempt has evaluated for its `Assign`."""
    env.heap.pop(_EVALUATED, None)


@gap.replaces(AssignDecl, "_eval_body")
def _eval_body(self: Any, env: Any) -> None:
    declarations: dict[str, Any] = {}
    with field(env, "Assign"):
        for binding in self.declaration_bindings:
            binding.eval(env=env)
            declarations.update(env.stack.pop())
    env.heap[_EVALUATED] = declarations


@gap.wraps(CommonStateField, "_get_state_exited_event_details")
def _get_state_exited_event_details(original: Callable[..., Any], self: Any, env: Any) -> Any:
    for name, value in env.heap.pop(_EVALUATED, {}).items():
        env.variable_store.set(variable_identifier=name, variable_value=value)
    return original(self, env)


@gap.replaces(Preprocessor, "visitAssign_template_value_terminal_string_literal")
def _literal(_: object, tree: Any) -> Any:
    return AssignTemplateValueTerminalLit(value=json.loads(tree.string_literal().getText()))
