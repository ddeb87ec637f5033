"""The 15 scopes (spec api §2), as the matrix that the key form shows."""

MESSAGES_READ, MESSAGES_WRITE = "messages:read", "messages:write"
CHATS_READ, LINES_READ = "chats:read", "lines:read"
REACTIONS_READ, REACTIONS_WRITE = "reactions:read", "reactions:write"
TYPING_READ, TYPING_WRITE = "typing:read", "typing:write"
RECEIPTS_READ, RECEIPTS_WRITE = "receipts:read", "receipts:write"
WEBHOOKS_READ, WEBHOOKS_WRITE = "webhooks:read", "webhooks:write"
OUTBOX_READ = "outbox:read"
FILES_READ, FILES_WRITE = "files:read", "files:write"

# resource -> (read scope or None, write scope or None)
MATRIX: dict[str, tuple[str | None, str | None]] = {
    "messages": (MESSAGES_READ, MESSAGES_WRITE),
    "chats": (CHATS_READ, None),
    "lines": (LINES_READ, None),
    "reactions": (REACTIONS_READ, REACTIONS_WRITE),
    "typing": (TYPING_READ, TYPING_WRITE),
    "receipts": (RECEIPTS_READ, RECEIPTS_WRITE),
    "webhooks": (WEBHOOKS_READ, WEBHOOKS_WRITE),
    "outbox": (OUTBOX_READ, None),
    "files": (FILES_READ, FILES_WRITE),
}
SCOPES: tuple[str, ...] = tuple(scope for pair in MATRIX.values() for scope in pair if scope)

PRESETS: dict[str, tuple[str, ...]] = {
    "send_only": (MESSAGES_WRITE, FILES_WRITE, OUTBOX_READ, LINES_READ),
    "read_only": tuple(read for read, _ in MATRIX.values() if read),
    "full": SCOPES,
}
