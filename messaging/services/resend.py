"""Sending again what failed: only a person may decide that, because the first try may have arrived after all."""

from uuid import UUID

from core.errors import InvalidRequestError
from core.ids import CHAT, FILE, LINE, public_id
from messaging.addressing import Sender
from messaging.models import Operation, OutboxItem, OutboxStatus
from messaging.services.send import QueuedItem, queue_audio, queue_message


def retry_item(*, sender: Sender, item: OutboxItem) -> QueuedItem:
    """Queues a failed send or voice memo as a new item, by the same rules as any other.

    Raises ``not_retryable`` for other operations and states, and whatever queueing raises.
    """
    if item.status != OutboxStatus.FAILED or item.operation not in (Operation.SEND, Operation.AUDIO):
        raise InvalidRequestError("not_retryable", "Only a failed message can be sent again.")
    line, chat = public_id(LINE, item.line_id), public_id(CHAT, item.chat_id)
    files = [public_id(FILE, key) for key in _file_keys(item)]
    reply_to = item.content.get("reply_to_guid")
    if item.operation == Operation.AUDIO:
        return queue_audio(sender=sender, line=line, to=chat, audio_message=files[0], reply_to=reply_to)
    text = item.content.get("text")
    return queue_message(sender=sender, line=line, to=chat, text=text, attachments=files, reply_to=reply_to)


def _file_keys(item: OutboxItem) -> list[UUID]:
    return [UUID(hex=key) for key in item.content.get("files", [])]
