"""Put a counterexample into words."""

from tests.protocol.explore import Way, unmended
from tests.protocol.guards import P1
from tests.protocol.model import LOOK, REMOVE, SEND, Label, Model, Said

DOING = {SEND: "resumes", REMOVE: "removes the entry of", LOOK: "looks at"}


def tell(model: Model, broken: str, way: Way) -> str:
    """Return the scenario, the steps, and the property that they break."""
    runs = ", ".join(
        f"run {_run(number)} counts from {run.counts_from(model.guards)}" for number, run in enumerate(model.runs)
    )
    said = ", ".join(f"callback {index} brings {_said(one)}" for index, one in enumerate(model.said, 1))
    steps = [_step(model, label) for label in way.steps]
    further = unmended(model, way.ends)
    if broken == P1 and further:
        callback, stuck = further
        but = "" if stuck is None else f", which cannot resume run {_run(stuck)},"
        steps.append(f"{_who(model, callback)}, once more{but} leaves a run waiting")
    numbered = [f"  {number}. {step}" for number, step in enumerate(steps, 1)]
    return "\n".join([f"{runs}; {said}", *numbered, f"  breaks: {broken}"])


def _step(model: Model, label: Label) -> str:
    who, index, what, *more = label
    assert isinstance(index, int)
    assert isinstance(what, str)
    if who == "run":
        return f"run {_run(index)} {what}" + "".join(f" {_verdict(model, story)}" for story in more)
    callback = f"{_who(model, index)} {what}"
    match what, more:
        case "reads", [story, tuple() as waits]:
            waiting = " and ".join(_run(run) for run, token in enumerate(waits) if token)
            return f"{callback} {_verdict(model, story)}, {waiting or 'nobody'} waiting"
        case "reads the page of", [int(run)]:
            return f"{callback} {'STORY' if run not in range(len(model.runs)) else 'run ' + _run(run)}"
        case "is refused", [call, int(run)]:
            assert isinstance(call, int)
            return f"{callback} when it {DOING[call]} run {_run(run)}"
        case "resumes", [int(run), verdict]:
            return f"{callback} run {_run(run)} with {_verdict(model, verdict)}"
        case "removes", [int(run)]:
            return f"{callback} the entry of run {_run(run)}"
        case "finds closed" | "finds over" | "finds waiting", [int(run)]:
            return f"{callback} run {_run(run)}"
    return callback


def _who(model: Model, index: int) -> str:
    return f"sweep {index - len(model.said) + 1}" if model.is_sweep(index) else f"callback {index + 1}"


def _run(run: int) -> str:
    return "AB"[run]


def _verdict(model: Model, story: object) -> str:
    assert isinstance(story, int)
    return "no verdict" if story < 0 else _said(model.verdicts[story])


def _said(said: Said) -> str:
    return f"{said.decision} ({said.decided})"
