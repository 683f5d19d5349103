"""The three APIs that the workflow calls, and the `action` in each request."""

ACTIONS = {"validation": "validate", "deployment": "deploy", "notification": "notify"}
APIS = tuple(ACTIONS)
