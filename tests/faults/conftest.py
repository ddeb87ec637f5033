"""A copy of the product of its own, whose leases are short, so that what a dead process held comes back soon."""

from collections.abc import Iterator

import pytest
from pytest_django import DjangoDbBlocker

from tests.live import Product, remove_product_data

HURRIED = {
    "OUTBOX_LEASE_SECONDS": "2",
    "WEBHOOK_TIMEOUT_SECONDS": "1",
    "WEBHOOK_RETRY_FACTOR": "0.004",
    "WEBHOOK_ENGINES": "2",
    "REQUESTS_PER_HOUR": "0",
}


@pytest.fixture(scope="package")
def hurried_product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    own = Product(tmp_path_factory.mktemp("faults") / "data", HURRIED)
    try:
        own.start()
        yield own
    finally:
        if own._process is not None and own._process.poll() is None:
            own.stop()
        remove_product_data(own)


@pytest.fixture
def hurt(hurried_product: Product, django_db_blocker: DjangoDbBlocker) -> Iterator[Product]:
    """The product to hurt, with the ORM speaking to its database."""
    with django_db_blocker.unblock(), hurried_product.orm():
        yield hurried_product
