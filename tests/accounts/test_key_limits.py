import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction

from accounts.models import ApiKeyHour, Organization
from accounts.services.key_limits import check_address, check_expiry, check_recipients, use_send_budget
from core.clock import now
from core.errors import AppError

NOON = datetime(2026, 11, 24, 12, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("address", "is_allowed"),
    [("203.0.113.7", True), ("203.0.114.7", False), ("::ffff:203.0.113.7", True), ("2001:db8::5", True), (None, False)],
)
def test_a_key_works_only_from_its_networks(address: str | None, is_allowed: bool) -> None:
    networks = ["203.0.113.0/24", "2001:db8::/64"]
    check_address(networks=[], address=address)
    if is_allowed:
        check_address(networks=networks, address=address)
    else:
        with pytest.raises(AppError, match="address"):
            check_address(networks=networks, address=address)


@pytest.mark.parametrize(
    ("handle", "is_allowed"),
    [
        ("+16285550144", True),
        ("+16285550145", False),
        ("+447700900317", True),
        ("maya@lumen.example", True),
        ("maya@notlumen.example", False),
    ],
)
def test_a_key_writes_only_to_its_recipients(handle: str, is_allowed: bool) -> None:
    recipients = ["+16285550144", "+44*", "*@lumen.example"]
    check_recipients(recipients=[], handles=[handle])
    if is_allowed:
        check_recipients(recipients=recipients, handles=[handle])
    else:
        with pytest.raises(AppError) as caught:
            check_recipients(recipients=recipients, handles=["+16285550144", handle])
        assert caught.value.code == "recipient_not_allowed"


def test_an_expired_key_is_refused_from_its_last_moment_on() -> None:
    check_expiry(expires_at=None)
    check_expiry(expires_at=now() + timedelta(minutes=1))
    with pytest.raises(AppError, match="expired"):
        check_expiry(expires_at=NOON, at=NOON)


def test_the_budget_of_a_day_ends_and_comes_back(lumen: Organization, make_key: Any) -> None:
    key, _ = make_key(lumen)
    for hour in (1, 2, 2):
        use_send_budget(key_id=key.id, budget=3, at=NOON.replace(hour=hour))
    with pytest.raises(AppError) as caught:
        use_send_budget(key_id=key.id, budget=3, at=NOON)
    assert caught.value.code == "send_budget_exceeded"
    assert caught.value.retry_after_seconds == 11.5 * 3600
    use_send_budget(key_id=key.id, budget=3, at=NOON + timedelta(days=1))
    use_send_budget(key_id=key.id, budget=None, at=NOON)
    assert sum(ApiKeyHour.objects.values_list("sends", flat=True)) == 5


def test_counting_a_send_is_one_statement(lumen: Organization, make_key: Any, django_assert_num_queries: Any) -> None:
    key, _ = make_key(lumen)
    with django_assert_num_queries(1):
        use_send_budget(key_id=key.id, budget=3, at=NOON)
    assert ApiKeyHour.objects.get(api_key=key).sends == 1


@pytest.mark.django_db(transaction=True)
def test_two_sends_never_share_the_last_place(lumen: Organization, make_key: Any) -> None:
    key, _ = make_key(lumen)
    outcomes: list[str] = []

    def send() -> None:
        try:
            with transaction.atomic():
                use_send_budget(key_id=key.id, budget=5, at=NOON)
            outcomes.append("sent")
        except AppError as error:
            outcomes.append(error.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=send) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count("sent") == 5
    assert outcomes.count("send_budget_exceeded") == 7
