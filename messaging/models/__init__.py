from messaging.models.chat import Chat
from messaging.models.file import File
from messaging.models.inbound import InboundEvent
from messaging.models.message import Attachment, Message
from messaging.models.outbox import Operation, OutboxItem, OutboxStatus
from messaging.models.presence import ReadReceipt, TypingIndicator
from messaging.models.reaction import Reaction

__all__ = [
    "Attachment",
    "Chat",
    "File",
    "InboundEvent",
    "Message",
    "Operation",
    "OutboxItem",
    "OutboxStatus",
    "Reaction",
    "ReadReceipt",
    "TypingIndicator",
]
