"""Voice memos (spec api §9.5)."""

import msgspec

from api.call import Call
from api.routes import endpoint
from api.schemas import SEND_ERRORS, FileRef, From, MessageRef, Queued, To
from api.sender import sender_of
from messaging.services.send import queue_audio


class SendAudioMessage(msgspec.Struct, frozen=True):
    """An uploaded sound file, sent as a tap-to-record voice memo."""

    from_: From = msgspec.field(name="from")
    to: To
    audio_message: FileRef
    reply_to: MessageRef | None = None


@endpoint(
    "POST", "/v1/audio-messages", scope="messages:write", body=SendAudioMessage, response=Queued, status=201,
    errors=SEND_ERRORS, summary="Send a voice memo", tag="Messages",
)  # fmt: skip
def send_audio_message(call: Call[SendAudioMessage, None]) -> Queued:
    body = call.body
    item = queue_audio(
        sender=sender_of(call),
        line=body.from_,
        to=body.to,
        audio_message=body.audio_message,
        reply_to=body.reply_to,
        payload=call.payload,
    )
    return Queued(item.public_id)
