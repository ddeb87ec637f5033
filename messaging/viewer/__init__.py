"""What the conversation viewer reads: lists of chats, bubbles of one chat, and the states people are shown."""
