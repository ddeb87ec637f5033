from webhooks_app.models.batch import EngineBatch
from webhooks_app.models.delivery import Attempt, Delivery, DeliveryState, Trigger
from webhooks_app.models.endpoint import Endpoint
from webhooks_app.models.health import EndpointHour, EndpointMinute, OrganizationHour
from webhooks_app.models.replay import Replay, ReplayState

__all__ = [
    "Attempt",
    "Delivery",
    "DeliveryState",
    "Endpoint",
    "EndpointHour",
    "EndpointMinute",
    "EngineBatch",
    "OrganizationHour",
    "Replay",
    "ReplayState",
    "Trigger",
]
