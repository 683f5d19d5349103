"""The console's pages, as a Flask app: the list, a run, its live part, its report, and its actions."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from flask import Flask, Response, flash, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from jinja2 import FileSystemLoader, StrictUndefined
from markupsafe import Markup
from werkzeug.exceptions import HTTPException

from chalicelib import story_key
from storygate.console.actions import ACTIONS, act
from storygate.console.guard import protect
from storygate.console.listing import FILTERS, ONGOING, Listing
from storygate.console.open_runs import OpenRuns
from storygate.report.coordinates import Drawing, read_drawing
from storygate.report.page import CSS, TEMPLATES, body, label, page
from storygate.report.view import RunView
from storygate.runs.executions import RUNNING
from storygate.runs.waits import reached_by
from storygate.stage.context import Context
from storygate.support.errors import AWS_ERRORS, DENIED, THROTTLED, NotFound, OperatorError, error_code, explain
from storygate.support.times import span

NAMED = 20  # runs that a dialog names; of others it says only that there are more


def create_app(context: Context, port: int, key: str | None = None, root: str = "") -> Flask:
    """Return the console of a stage, to be served at `port` of this machine; see `guard.protect` for key and root.

    Raises AWS's error if it does not know the caller, and OperatorError without the workflow's drawing.
    """
    app = Flask(__name__)
    _set_up_templates(app, context)
    protect(app, port, key, root)
    listing, open_runs, drawing = Listing(context), OpenRuns(context), read_drawing(context.project)

    @app.get("/")
    def runs() -> str:
        return render_template("runs.html", **_listed(listing))

    @app.get("/live")
    def runs_live() -> Response:
        shown = _listed(listing)
        return jsonify(html=render_template("_rows.html", **shown), said=shown["said"])

    @app.get("/runs/<execution>")
    def run(execution: str) -> str:
        return render_template("run.html", **_shown(context, open_runs.view(execution), drawing))

    @app.get("/runs/<execution>/live")
    def run_live(execution: str) -> Response:
        shown = _shown(context, open_runs.view(execution), drawing)
        return jsonify(
            html=render_template("_run.html", **shown), title=shown["title"], said=shown["said"], over=shown["over"]
        )

    @app.get("/runs/<execution>/report.html")
    def report(execution: str) -> Response:
        seen = open_runs.view(execution)
        answer = Response(page(seen, drawing), mimetype="text/html")
        answer.headers["Content-Disposition"] = f'attachment; filename="{seen.execution}.html"'
        return answer

    @app.post(f"/runs/<execution>/<any({', '.join(ACTIONS)}):action>")
    def acted(execution: str, action: str) -> ResponseReturnValue:
        result = act(context, execution, action, request.form.get("reason", "").strip())
        flash(result.text, "done" if result.done else "failed")
        return redirect(url_for("run", execution=result.execution), 303)

    @app.get("/report.css")
    def report_css() -> Response:
        return Response(CSS, mimetype="text/css")

    for kind in (OperatorError, HTTPException, *AWS_ERRORS):
        app.register_error_handler(kind, _error_page)
    return app


def _set_up_templates(app: Flask, context: Context) -> None:
    app.jinja_loader = FileSystemLoader([Path(__file__).parent / "templates", TEMPLATES])  # and the report's badges
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.globals.update(
        stage=context.stage,
        who=context.who,
        start_command=context.stage.command("start FILE"),
        filters=[(name, {"": "All", "ended": "Ended"}.get(name) or label(name)[0]) for name in FILTERS],
        ongoing=("", *ONGOING, "ended"),
        label=label,
        span=span,
    )
    app.jinja_env.filters["pretty"] = json.dumps  # used by the macros in the report's parts.html
    app.jinja_env.filters["at"] = _at


def _listed(listing: Listing) -> dict[str, Any]:
    outcome = request.args.get("outcome", "")
    story = story_key.normal(request.args.get("story", ""))
    outcome = outcome if outcome in FILTERS else ""
    token = request.args.get("next")
    asked = {name: value for name, value in (("outcome", outcome), ("story", story)) if value}
    listed = listing.page(outcome, story, token)
    waiting = sum(row["outcome"] == "waiting" for row in listed.rows)
    return {
        "listed": listed,
        "said": f"{len(listed.rows)} runs shown, {waiting} waiting",
        "outcome": outcome,
        "story": story,
        "asked": asked,
        "is_first": not token,
    }


def _shown(context: Context, seen: RunView, drawing: Drawing) -> dict[str, Any]:
    words, _ = label(seen.outcome)
    over = seen.status != RUNNING
    story = seen.story or "its story"
    others: list[tuple[str, str]] = []
    if not over and seen.story:
        reached = reached_by(context.client("dynamodb"), context.stage.table, seen.story, NAMED + 2)
        others = [(key, name) for key, name in reached if name != seen.execution]
    return {
        "run": seen,
        "body": Markup(body(seen, drawing)),  # noqa: S704  (escaped where it is made)
        "title": f"{words} · {seen.story or seen.execution}",
        "said": f"{words}: {seen.reason}" if over and seen.reason else f"{words}, {story}",
        "over": over,
        "story": story,
        "others": others[:NAMED],
        "more_others": len(others) > NAMED,
    }


def _at(text: str) -> str:
    """A time in UTC, written as in the report."""
    return datetime.fromisoformat(text).strftime("%-d %b %Y, %H:%M:%S")


def _error_page(error: Exception) -> ResponseReturnValue:
    """A page, or JSON for a live part, that says what is wrong and what to do about it."""
    if isinstance(error, HTTPException):
        status, explained = error.code or 500, OperatorError(error.description or error.name, "")
    elif isinstance(error, OperatorError):
        status, explained = 404 if isinstance(error, NotFound) else 502, error
    else:
        code = error_code(error)
        status = 403 if code in DENIED else 503 if code in THROTTLED else 502
        explained = explain(error)
    if request.path.endswith("/live"):
        return jsonify(error=explained.message, hint=explained.hint), status
    return render_template("error.html", error=explained, status=status), status
