"""The kinds of events. The first four are the public ones (spec webhooks §1); the others feed pages only."""

MESSAGE_RECEIVED = "message.received"  # a new inbound message arrived on the line
MESSAGE_SENT = "message.sent"  # an outgoing message was sent
REACTION_ADDED = "reaction.added"  # someone reacted
REACTION_REMOVED = "reaction.removed"  # someone withdrew a reaction

PUBLIC_EVENTS = (MESSAGE_RECEIVED, MESSAGE_SENT, REACTION_ADDED, REACTION_REMOVED)

MESSAGE_UPDATED = "message.updated"  # delivered, read, edited, unsent, transcript or file ready
OUTBOX_UPDATED = "outbox.updated"  # an outbox item changed its state
TYPING_CHANGED = "typing.changed"  # somebody started or stopped typing
RECEIPT_CHANGED = "receipt.changed"  # somebody read up to a message
CHAT_CHANGED = "chat.changed"  # a group's name or members changed
LINE_CHANGED = "line.changed"  # health, label, pause or limits changed
SANDBOX_CHANGED = "sandbox.changed"  # paired, reset or moved

INTERNAL_EVENTS = (
    MESSAGE_UPDATED,
    OUTBOX_UPDATED,
    TYPING_CHANGED,
    RECEIPT_CHANGED,
    CHAT_CHANGED,
    LINE_CHANGED,
    SANDBOX_CHANGED,
)
