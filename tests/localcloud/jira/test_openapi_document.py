"""The recorded exchanges with a Jira are validated against Atlassian's document, if it is there."""

from dataclasses import replace

from tests.jira_openapi import Exchange, is_described, need_document, violations

GOOD = Exchange("POST", "/rest/api/3/issue/bulkfetch", "", {"issueIdsOrKeys": ["A-1"]}, 200, {"issues": []})


def test_atlassians_document_is_there_and_notices_a_wrong_request_and_a_wrong_answer() -> None:
    need_document()
    assert is_described(GOOD)
    assert violations([GOOD]) == []
    wrong = (
        replace(GOOD, sent={"issueIdsOrKeys": "A-1"}),
        replace(GOOD, sent={"keys": ["A-1"]}),
        replace(GOOD, received={"issues": [{"key": 5}]}),
        replace(GOOD, received=None),
        replace(GOOD, status=404),
    )
    assert all(violations([exchange]) for exchange in wrong)
    assert not is_described(replace(GOOD, method="PUT"))
