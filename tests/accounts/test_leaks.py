from typing import Any

import pytest
from django.core import mail

from accounts.models import AuditEntry, Organization, User
from accounts.services.leaks import LeakedToken, report_leaked_tokens
from accounts.tokens import new_token


@pytest.mark.django_db(transaction=True)
def test_a_leaked_key_ends_and_the_admins_hear_of_it(
    lumen: Organization, alice: User, dana: User, bob: User, make_key: Any
) -> None:
    key, token = make_key(lumen, name="prod-agent")
    unknown = new_token()
    answer = report_leaked_tokens(
        tokens=[LeakedToken(token=token, url="https://code.example/x"), LeakedToken(token=unknown)], source="scanner"
    )
    assert answer == {token: True, unknown: False}
    key.refresh_from_db()
    assert key.revoked_reason == "leaked"
    assert {message.to[0] for message in mail.outbox} == {alice.email, dana.email}
    assert "https://code.example/x" in mail.outbox[0].body
    assert token not in mail.outbox[0].body
    assert AuditEntry.objects.get().actor_label == "secret scanning (scanner)"
    report_leaked_tokens(tokens=[LeakedToken(token=token)], source="scanner")
    assert len(mail.outbox) == 2
