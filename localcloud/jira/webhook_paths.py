"""The API with which administrators register webhooks (Atlassian, "Webhooks", "Registering a webhook via REST API")."""

from collections.abc import Callable

from flask import Blueprint, jsonify

from localcloud.jira.answering import Answer, Json, administrator, body
from localcloud.jira.deliveries import Deliveries, Webhook
from localcloud.jira.site import JiraError, Site

PATH = "/rest/webhooks/1.0/webhook"


def webhook_api(site: Site, deliveries: Deliveries, url: Callable[[], str], admit: Callable[[], None]) -> Blueprint:
    """Return the API's paths; `admit` refuses a request before it is looked at."""
    api = Blueprint("webhooks", __name__)

    @api.before_request
    def check() -> None:
        admit()
        administrator(site)

    @api.get(PATH)
    def webhooks() -> Answer:
        return jsonify([_webhook(known, url()) for known in deliveries.webhooks.values()])

    @api.post(PATH)
    def add_webhook() -> Answer:
        return jsonify(_webhook(deliveries.register(body()), url())), 201

    @api.get(f"{PATH}/<int:number>")
    def webhook(number: int) -> Answer:
        if number not in deliveries.webhooks:
            raise JiraError(404, f"No webhook with id {number} exists.")
        return jsonify(_webhook(deliveries.webhooks[number], url()))

    @api.put(f"{PATH}/<int:number>")
    def change_webhook(number: int) -> Answer:
        return jsonify(_webhook(deliveries.register(body(), number), url()))

    @api.delete(f"{PATH}/<int:number>")
    def delete_webhook(number: int) -> Answer:
        if deliveries.webhooks.pop(number, None) is None:
            raise JiraError(404, f"No webhook with id {number} exists.")
        return "", 204

    return api


def _webhook(known: Webhook, url: str) -> Json:
    """A webhook as Jira shows it: never with its secret."""
    return {
        "name": known.name,
        "url": known.url,
        "events": known.events,
        "filters": {"issue-related-events-section": known.jql},
        "excludeBody": known.exclude_body,
        "enabled": known.enabled,
        "isSigned": known.secret is not None,
        "self": f"{url}{PATH}/{known.id}",
    }
