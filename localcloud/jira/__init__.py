"""A Jira on one machine: the paths of Jira Cloud that a deployment gate uses, webhooks, and a board.

from localcloud.jira.local_jira import LocalJira

with LocalJira() as jira:
    jira.url                        # http://127.0.0.1:<port>: the board, and the REST API
    jira.site.transition("PROJ-1", "Done", user=PEOPLE[0])
"""
