"""Fetching a message that something happened to before it came, or that never came (spec transports §2.3, rule 4)."""

import logging
from collections import defaultdict
from dataclasses import replace
from datetime import timedelta
from itertools import islice

from core.clock import now, to_ms
from core.ids import uuid7_floor
from lines.models import Line
from messaging.inbound import strip_part
from messaging.models import InboundEvent, Message
from messaging.services.apply import PARENT_WAIT
from transports.base import Event, EventKind, LineRef, Phase
from transports.registry import get_transport

logger = logging.getLogger(__name__)
LOOK_BACK = timedelta(hours=24)
MAX_EVENTS = 2000
MAX_ROWS = 50
ASKED_IN_VAIN = 0


def fetch_missing_messages() -> list[tuple[Line, list[Event]]]:
    """For updates and tapbacks whose message has not come in time, asks its transport once what was said. Returns the
    messages found, by line, for the caller to store. Speaks to the transport, so not within a transaction.
    """
    kinds = (EventKind.MESSAGE_UPDATE, EventKind.REACTION)
    due = InboundEvent.objects.filter(applied_at=None, kind__in=kinds, received_at__lte=now() - PARENT_WAIT)
    rows = list(due.exclude(envelope__has_key="fetched_at").order_by("id")[:MAX_ROWS])
    lines = Line.objects.in_bulk({row.line_id for row in rows})
    wanted: defaultdict[Line, set[str]] = defaultdict(set)
    for row in rows:
        if row.line_id in lines:
            wanted[lines[row.line_id]].add(_guid_of(row))
    found = [(line, events) for line, guids in wanted.items() if (events := _fetch(line, guids))]
    guids_found = {event.body["guid"] for _, events in found for event in events}
    for row in rows:
        fetched_at = to_ms(now()) if _guid_of(row) in guids_found else ASKED_IN_VAIN
        InboundEvent.objects.filter(pk=row.pk).update(envelope={**row.envelope, "fetched_at": fetched_at})
    return found


def _guid_of(row: InboundEvent) -> str:
    body = row.envelope.get("body") or {}
    return strip_part(str(body.get("target_guid") or body.get("guid") or ""))


def _fetch(line: Line, guids: set[str]) -> list[Event]:
    if line.organization_id is None:  # the sandbox, whose phones are all ours
        return []
    guids = guids - set(Message.objects.filter(line_id=line.id, guid__in=guids).values_list("guid", flat=True))
    if not guids:
        return []
    known = Message.objects.filter(organization_id=line.organization_id, line_id=line.id)
    place = known.filter(id__lt=uuid7_floor(now() - LOOK_BACK)).order_by("-id").values_list("guid", flat=True).first()
    ref = LineRef(id=line.id, handle=line.handle, service=line.service, region=line.region)
    try:
        history = islice(get_transport(line.transport).catch_up(ref, place or ""), MAX_EVENTS)
        return [replace(event, phase=Phase.LATE) for event in history if event.body.get("guid") in guids]
    except (KeyError, OSError) as error:  # a transport that calls us, or is away
        logger.warning("%s: what was missed could not be fetched: %s", line.public_id, error)
        return []
