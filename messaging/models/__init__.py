from messaging.models.chat import Chat
from messaging.models.file import File
from messaging.models.inbound import InboundEvent
from messaging.models.message import Attachment, Message
from messaging.models.outbox import LinePace, Operation, OutboxItem, OutboxStatus
from messaging.models.presence import ReadReceipt, TypingIndicator
from messaging.models.reaction import Reaction

__all__ = [
    "Attachment",
    "Chat",
    "File",
    "InboundEvent",
    "LinePace",
    "Message",
    "Operation",
    "OutboxItem",
    "OutboxStatus",
    "Reaction",
    "ReadReceipt",
    "TypingIndicator",
]
