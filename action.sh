#!/usr/bin/env bash
# What action.yml runs: drop INPUT_FILE into stage INPUT_STAGE, wait INPUT_TIMEOUT seconds at most for the run's end, and
# hand on outcome, name and report. Exits as `storygate start --wait` does: 0 only for an approved run.
#
# Uses GitHub's variables GITHUB_ACTION_PATH (this repository), GITHUB_OUTPUT, GITHUB_STEP_SUMMARY and RUNNER_TEMP.
set -euo pipefail

file=$(realpath -- "$INPUT_FILE")
cd -- "$GITHUB_ACTION_PATH" # storygate finds its stages here

code=0
started=$(storygate start "$file" --stage "$INPUT_STAGE" --wait --timeout "$INPUT_TIMEOUT" --json) || code=$?

# Print a field of that JSON object on one line: a line break in it could write another output.
field() {
  python3 -c 'import json, sys
document = json.loads(sys.argv[1] or "{}")
print(" ".join(str(document.get(sys.argv[2]) or "").split()))' "$started" "$1"
}
execution=$(field execution)
[ -n "$execution" ] || exit "$code" # refused before the upload; storygate has said why

outcome=$(field outcome)
report=$RUNNER_TEMP/$execution.html
storygate report "$execution" --stage "$INPUT_STAGE" --output "$report" >&2 || report=
{
  echo "outcome=${outcome:-running}"
  echo "execution=$execution"
  echo "report=$report"
} >> "$GITHUB_OUTPUT"
{
  printf '### storygate: %s\n\nRun <code>%s</code>\n\n' "${outcome:-running}" "$execution"
  # As text, not as Markdown or HTML: Jira's users write a part of it.
  field reason | python3 -c 'import html, sys; print(f"<p>{html.escape(sys.stdin.read())}</p>")'
} >> "$GITHUB_STEP_SUMMARY"
exit "$code"
