"""What every transport must pass. A transport's test module subclasses ``Conformance`` and says how to reach a peer."""

from typing import Any
from uuid import uuid4

from core.clock import now
from transports.base import ADVANCED, CAPABILITIES, ChatRef, Claim, Disposition, LineRef, Transport

LEVELS = {"native", "degraded", "none"}


class Conformance:
    """Subclasses give the fixtures ``transport``, ``line_ref`` and ``peer`` (a handle that answers), and
    ``count_arrivals(key)``: how often the far side has seen a part.
    """

    def count_arrivals(self, key: Any) -> int:
        raise NotImplementedError

    def claim(self, line_ref: LineRef, peer: str, **fields: Any) -> Claim:
        fields.setdefault("operation", "send")
        fields.setdefault("text", "Hello")
        fields.setdefault("attempt", 1)
        return Claim(
            key=fields.pop("key", None) or uuid4(),
            line=line_ref,
            chat=ChatRef(identifier=peer, guids=(f"any;-;{peer}",)),
            started_at=now(),
            **fields,
        )

    def test_it_says_what_it_is(self, transport: Transport) -> None:
        assert transport.kind in ("simulator", "bluebubbles", "relay")
        assert transport.mode in ("inline", "push", "pull")

    def test_every_capability_has_a_level_and_a_reason_where_it_lacks(
        self, transport: Transport, line_ref: LineRef
    ) -> None:
        found = transport.capabilities(line_ref)
        assert set(found) == set(CAPABILITIES) >= set(ADVANCED)
        for name, capability in found.items():
            assert capability.level in LEVELS, name
            assert capability.level == "native" or capability.reason, name

    def test_health_is_proven_now(self, transport: Transport, line_ref: LineRef) -> None:
        before = now()
        health = transport.probe(line_ref)
        assert health.state in ("ok", "degraded", "down", "unpaired")
        assert health.checked_at is not None
        assert health.checked_at >= before
        assert health.state == "ok" or health.reasons

    def test_a_confirmed_send_has_a_guid_and_a_time(self, transport: Transport, line_ref: LineRef, peer: str) -> None:
        claim = self.claim(line_ref, peer)
        outcome = transport.dispatch(claim)
        assert outcome.disposition in (Disposition.CONFIRMED, Disposition.ACCEPTED)
        if outcome.disposition == Disposition.CONFIRMED:
            assert outcome.guid
            assert outcome.service
            assert outcome.sent_at is not None
        assert self.count_arrivals(claim.key) == 1

    def test_reconcile_finds_what_was_sent_and_never_sends(
        self, transport: Transport, line_ref: LineRef, peer: str
    ) -> None:
        claim = self.claim(line_ref, peer)
        sent = transport.dispatch(claim)
        first, second = transport.reconcile(claim), transport.reconcile(claim)
        assert first.disposition == second.disposition == Disposition.CONFIRMED
        assert first.guid == second.guid
        assert sent.guid in (None, first.guid)
        assert self.count_arrivals(claim.key) == 1

    def test_reconcile_of_what_was_never_tried_does_not_confirm(
        self, transport: Transport, line_ref: LineRef, peer: str
    ) -> None:
        claim = self.claim(line_ref, peer)
        assert transport.reconcile(claim).disposition in (Disposition.NOT_STARTED, Disposition.UNKNOWN)
        assert self.count_arrivals(claim.key) == 0

    def test_two_equal_texts_are_two_messages(self, transport: Transport, line_ref: LineRef, peer: str) -> None:
        one, two = self.claim(line_ref, peer), self.claim(line_ref, peer)
        guids = {transport.dispatch(one).guid, transport.dispatch(two).guid}
        assert len(guids) == 2
        assert transport.reconcile(one).guid != transport.reconcile(two).guid

    def test_what_goes_wrong_carries_a_code(self, transport: Transport, line_ref: LineRef) -> None:
        outcome = transport.dispatch(self.claim(line_ref, "+14155550142"))
        assert outcome.disposition in (Disposition.REJECTED, Disposition.NOT_STARTED)
        assert outcome.code

    def test_signals_that_mean_the_same_twice_may_be_sent_twice(
        self, transport: Transport, line_ref: LineRef, peer: str
    ) -> None:
        for operation in ("typing", "read"):
            for _ in range(2):
                outcome = transport.dispatch(self.claim(line_ref, peer, operation=operation, text=None))
                assert outcome.disposition == Disposition.CONFIRMED, operation

    def test_a_tapback_on_nothing_is_refused(self, transport: Transport, line_ref: LineRef, peer: str) -> None:
        claim = self.claim(line_ref, peer, operation="react", text=None, target_guid="NOTHING", reaction="love")
        assert transport.dispatch(claim).disposition == Disposition.REJECTED

    def test_catching_up_repeats_events_with_the_same_ids(
        self, transport: Transport, line_ref: LineRef, peer: str
    ) -> None:
        transport.dispatch(self.claim(line_ref, peer))
        first = [event.event_id for event in transport.catch_up(line_ref, "")]
        again = [event.event_id for event in transport.catch_up(line_ref, "")]
        assert first
        assert first == again
        assert len(set(first)) == len(first)
        assert all(len(event_id) == 64 for event_id in first)

    def test_a_lookup_says_one_of_three_words(self, transport: Transport, line_ref: LineRef, peer: str) -> None:
        assert transport.lookup(line_ref, peer) in ("imessage", "sms")
        assert transport.lookup(line_ref, "+15550199999") == "unknown"
