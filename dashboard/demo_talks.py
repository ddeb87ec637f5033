"""Today's conversations of the demo: between them they show all that the viewer can show. Each is made once."""

import io
from datetime import timedelta
from pathlib import Path
from typing import Any

import segno

from accounts.models import ApiKey, Organization, User
from accounts.services.audit import record_change
from core.clock import now
from core.ids import new_request_id
from dashboard.demo_acts import answer, edit, get_last_from_line, keep, react, say, settle, unsend
from dashboard.demo_requests import add_requests, make_send_request
from dashboard.demo_team import actor_of
from lines.models import Line
from messaging.models import Chat
from messaging.services.rollups import clear_unread
from transports.simulator.models import VirtualPhone
from transports.simulator.network import create_group, create_phone, phone_key, set_scenario

FILES = Path(__file__).parent / "demo_files"
NOAH, IRIS, TOM, PRIYA, JONAS = "+15550100145", "+15550100146", "+15550100147", "+15550100148", "+15550100149"
GROUP = "Lisbon trip"
TRANSCRIPT = "He was not an ill-disposed young man."
CARD = """BEGIN:VCARD
VERSION:3.0
N:Bauer;Iris;;;
FN:Iris Bauer
ORG:Bauer & Co
TEL;TYPE=CELL:+15550100146
EMAIL:iris@bauer.example
END:VCARD
"""


def make_talks(ada: User, bot: ApiKey, *, line: Line, eu_line: Line, maya: VirtualPhone) -> None:
    """``line`` is the one that most write to. In the order in which they end, so that the group is on top."""
    talks = _Talks(bot.organization, ada, bot)
    talks.europe(eu_line, talks.phone(JONAS, "Jonas Lind"))
    talks.sms(line, talks.phone(TOM, "Tom Becker", service="sms"))
    talks.unreachable(line, talks.phone(PRIYA, "Priya Raman"))
    noah, iris = talks.phone(NOAH, "Noah Lindqvist"), talks.phone(IRIS, "Iris Bauer")
    talks.noah(line, noah)
    talks.group(line, (maya, noah, iris))
    talks.unread(line, iris)
    settle()


class _Talks:
    def __init__(self, organization: Organization, ada: User, bot: ApiKey) -> None:
        self.organization, self.ada, self.bot = organization, ada, bot
        self._now = now()

    def phone(self, handle: str, name: str, *, service: str = "imessage") -> VirtualPhone:
        return create_phone(owner_id=self.organization.id, handle=handle, name=name, service=service)

    def _ago(self, minutes: float) -> dict[str, Any]:
        return {"sent_at": self._now - timedelta(minutes=minutes)}

    def _is_new(self, line: Line, phone: VirtualPhone) -> bool:
        return not Chat.objects.filter(line=line, key=f"d:{phone.handle}").exists()

    def _write(self, line: Line, to: str, text: str, **fields: Any) -> None:
        """Ada answers in the dashboard."""
        item = answer(self.organization, line, to, text, user_id=self.ada.pk, **fields)
        record_change(
            organization=self.organization, actor=actor_of(self.ada), action="message.sent_from_dashboard",
            target_id=item.public_id, target_label=str(Chat.objects.get(id=item.chat_id)),
        )  # fmt: skip

    def _call(self, line: Line, to: str, text: str) -> None:
        """The bot answers through the API."""
        item = answer(self.organization, line, to, text, api_key_id=self.bot.id, request_id=new_request_id())
        add_requests([make_send_request(item, self.bot)])

    def group(self, line: Line, people: tuple[VirtualPhone, VirtualPhone, VirtualPhone]) -> None:
        """Three travellers and the line: a picture, tapbacks, an inline reply, an answer."""
        if Chat.objects.filter(line=line, is_group=True, participants__contains=[NOAH, IRIS]).exists():
            return
        maya, noah, iris = people
        to = create_group(line_handle=line.handle, participants=[p.handle for p in people], name=GROUP).guid
        plan = say(maya, to, "Lisbon is on! Friday to Monday, four of us counting Ben's bike 🚲", **self._ago(190))
        say(iris, to, "Finally!! Which ferry do we take over to Cacilhas?", **self._ago(186))
        ferry = say(noah, to, "The 8:15 if you all get up. There is a later one at 9:30", **self._ago(181))
        say(maya, to, "8:15, and coffee on board", reply_to=ferry, **self._ago(179))
        react(iris, plan, "love")
        react(noah, plan, "emphasize")
        react(iris, ferry, "laugh")
        ticket = say(noah, to, "My boarding pass, so you believe me", files=[self._boarding_pass()], **self._ago(64))
        react(maya, ticket, "like")
        say(iris, to, "Concierge, can you book three seats on the 8:15 and one bike?", **self._ago(12))
        settle()
        chat = Chat.objects.get(line=line, is_group=True, name=GROUP)
        self._call(line, chat.public_id, "Done: three seats and one bike, Friday 8:15 from gate 4. Number LT-4471.")
        react(maya, get_last_from_line(maya), "love")

    def noah(self, line: Line, noah: VirtualPhone) -> None:
        """A voice memo with its transcript, a contact card, a document, a link, an edit, an unsent message."""
        if not self._is_new(line, noah):
            return
        to = line.handle
        say(noah, to, "Hi, Noah here, room 214 from Friday", **self._ago(300))
        memo = keep(self.organization.id, "Audio Message.m4a", (FILES / "speech.m4a").read_bytes(), "audio/mp4")
        say(noah, to, files=[{**memo, "is_audio_message": True, "transcription": TRANSCRIPT}], **self._ago(297))
        time = say(noah, to, "We arrive at 6:40", **self._ago(250))
        edit(noah, time, "We arrive at 16:40")
        wrong = say(noah, to, "Do not tell Maya about the cake", **self._ago(248))
        unsend(noah, wrong)
        say(noah, to, "If anything comes up, call Iris", **self._ago(245))
        card = keep(self.organization.id, "Iris Bauer.vcf", CARD.replace("\n", "\r\n").encode(), "text/vcard")
        say(noah, to, files=[card], **self._ago(244))
        paper = keep(self.organization.id, "Booking LT-4471.pdf", make_pdf(PAPER), "application/pdf")
        say(noah, to, "Is this the right booking?", files=[paper], **self._ago(90))
        place = say(noah, to, "And is this the place? https://hotel-avenida.example/rooms/214", **self._ago(88))
        self._write(line, noah.handle, "Both are right. Room 214 is ready from 15:00, with a view of the river.")
        self._write(line, noah.handle, "That is the one, yes.", reply_to=place)

    def sms(self, line: Line, tom: VirtualPhone) -> None:
        """A contact without iMessage: what goes to this phone goes as SMS."""
        if not self._is_new(line, tom):
            return
        set_scenario(line_handle=phone_key(line.handle, tom.handle), name="sms_downgrade")
        say(tom, line.handle, "Hello, do you also answer plain text messages?", **self._ago(400))
        self._call(line, tom.handle, "We do! How can we help?")
        say(tom, line.handle, "A taxi to the port tomorrow at 7:20 please")
        self._call(line, tom.handle, "Ordered: 7:20 at your front door, 14 €.")

    def unreachable(self, line: Line, priya: VirtualPhone) -> None:
        """What was sent to her failed: her phone had left iMessage for a while."""
        if not self._is_new(line, priya):
            return
        say(priya, line.handle, "I get a new phone today, can you send me the voucher in an hour?", **self._ago(150))
        key = phone_key(line.handle, priya.handle)
        set_scenario(line_handle=key, name="not_registered")
        self._write(line, priya.handle, "Here is your voucher: LT-5120, Hotel Avenida, two nights.")
        set_scenario(line_handle=key, name="normal")

    def unread(self, line: Line, iris: VirtualPhone) -> None:
        if not self._is_new(line, iris):
            return
        say(iris, line.handle, "Can I bring my dog to the hotel?", **self._ago(4))
        say(iris, line.handle, "He is small and very polite 🐶", **self._ago(3))

    def europe(self, line: Line, jonas: VirtualPhone) -> None:
        if not self._is_new(line, jonas):
            return
        say(jonas, line.handle, "Guten Tag! Is the desk open on Sunday?", **self._ago(330))
        self._call(line, jonas.handle, "Good morning Jonas, yes, from 9:00 to 18:00.")
        say(jonas, line.handle, "Danke 🙏")
        settle()
        clear_unread(chat_id=Chat.objects.get(line=line, key=f"d:{jonas.handle}").id)

    def _boarding_pass(self) -> dict[str, Any]:
        picture = io.BytesIO()
        code = segno.make("M1LINDQVIST/NOAH      ELT4471 CPHLISTP 0753 146Y012A0031 100", error="m")
        code.save(picture, kind="png", scale=8, border=3)
        return keep(self.organization.id, "Boarding pass.png", picture.getvalue(), "image/png")


PAPER = (
    "Lumen Travel",
    "",
    "Booking LT-4471",
    "Noah Lindqvist, Maya Okafor, Iris Bauer",
    "Hotel Avenida, Lisbon, rooms 212 to 214, three nights",
    "Ferry to Cacilhas, Friday 8:15, gate 4, one bike",
    "Paid: 612.00 EUR",
)


def make_pdf(lines: tuple[str, ...]) -> bytes:
    """A page of text as PDF 1.4."""
    shown = " ".join(f"({line}) Tj T*" for line in lines)
    stream = f"BT /F1 14 Tf 20 TL 72 770 Td {shown} ET".encode("latin-1")
    parts = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 5 0 R"
        b" /Resources << /Font << /F1 4 0 R >> >> >>",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(stream), stream),
    )
    file, places = b"%PDF-1.4\n", []
    for number, part in enumerate(parts, start=1):
        places.append(len(file))
        file += b"%d 0 obj\n%b\nendobj\n" % (number, part)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    count = len(parts) + 1
    return file + (
        b"xref\n0 %d\n0000000000 65535 f \n%btrailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n"
        % (count, table, count, len(file))
    )
