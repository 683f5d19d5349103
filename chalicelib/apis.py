"""The three APIs that the workflow calls, and what each is asked to do (`action`)."""

ACTIONS = {"validation": "validate", "deployment": "deploy", "notification": "notify"}
APIS = tuple(ACTIONS)
