"""Sending again what failed: only a person may decide that, because the first try may have arrived after all."""

from uuid import UUID

from django.db import transaction

from core.errors import InvalidRequestError
from core.ids import CHAT, FILE, LINE, public_id
from messaging.addressing import Sender
from messaging.models import Operation, OutboxItem, OutboxStatus
from messaging.services.send import QueuedItem, queue_audio, queue_message


@transaction.atomic
def retry_item(*, sender: Sender, item: OutboxItem) -> QueuedItem:
    """Queues a failed send or voice memo as a new item in its place, once, by the same rules as any other.

    Raises ``not_retryable`` for other operations and states and for what was tried again before, and whatever queueing
    raises.
    """
    item = OutboxItem.objects.select_for_update().get(pk=item.pk)
    if item.retried_by is not None:
        raise InvalidRequestError("not_retryable", "This message was tried again already.")
    if item.status != OutboxStatus.FAILED or item.operation not in (Operation.SEND, Operation.AUDIO):
        raise InvalidRequestError("not_retryable", "Only a failed message can be sent again.")
    queued = _queue(sender, item)
    OutboxItem.objects.filter(pk=item.pk).update(retried_by=queued.id)
    return queued


def _queue(sender: Sender, item: OutboxItem) -> QueuedItem:
    line, chat = public_id(LINE, item.line_id), public_id(CHAT, item.chat_id)
    files = [public_id(FILE, key) for key in _file_keys(item)]
    reply_to = item.content.get("reply_to_guid")
    if item.operation == Operation.AUDIO:
        return queue_audio(sender=sender, line=line, to=chat, audio_message=files[0], reply_to=reply_to)
    text = item.content.get("text")
    return queue_message(sender=sender, line=line, to=chat, text=text, attachments=files, reply_to=reply_to)


def _file_keys(item: OutboxItem) -> list[UUID]:
    return [UUID(hex=key) for key in item.content.get("files", [])]
