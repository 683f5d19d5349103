"""What makes a stage called `prod` more than a trial: named projects and real APIs. Other stages may do without."""

from storygate.checks.finding import Examination, Finding, check, fail, ok
from storygate.deployment.connections import url_parameter
from storygate.deployment.production import is_mock, is_production, name_projects, name_real_apis
from storygate.operations.called_apis import read_apis


@check("projects", "without a list, a story of any project that Jira reports about can approve a deployment")
def projects(context: Examination) -> Finding:
    """STORYGATE_PROJECTS names the projects whose stories the stage gates."""
    stage = context.stage
    if stage.projects:
        return ok(", ".join(stage.projects))
    if is_production(stage):
        return fail("the stage gates the stories of every project", name_projects(stage))
    return ok(f"every project, as stage {stage.name} is not prod")


@check("real APIs", "a mock answers success and deploys nothing")
def real_apis(context: Examination) -> Finding:
    """The deployed workflow calls no mock."""
    called = read_apis(context)
    mocks = [api.name for api in called if is_mock(api.url)]
    if not mocks:
        return ok(", ".join(api.url for api in called))
    found = f"calls the mock of {', '.join(mocks)}"
    if is_production(context.stage):
        return fail(found, name_real_apis(context.stage, map(url_parameter, mocks)))
    return ok(f"{found}, as stage {context.stage.name} is not prod")
