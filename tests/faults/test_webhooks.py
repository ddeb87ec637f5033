"""The short form of ``scripts/bench chaos``."""

import pytest

from bench.chaos import run_chaos
from tests.live import Product
from tests.webhooks_app.receivers import run_receiver

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]


def test_after_chaos_the_log_agrees_with_what_the_receivers_saw(hurt: Product) -> None:
    with run_receiver() as receiver:
        report = run_chaos(product=hurt, receiver=receiver, seconds=12.0, per_second=10.0, seed=11)
    assert report.problems == []
    assert sum(report.counts["faults"].values()) >= 3
