"""Limits of the visitors from one address."""

from __future__ import annotations

import pytest

from nerv360.viewer.sharing.peers import Budget, Visits, is_local, peer_of

OTHER = "192.0.2.7"


def test_a_budget_allows_bursts_but_no_flood() -> None:
    budget = Budget(100, 200)
    assert all(budget.spend(1000.0) for _ in range(200))
    assert not budget.spend(1000.0)
    budget = Budget(100, 200)
    assert all(budget.spend(1000.0 + k / 99) for k in range(5000))
    assert not all(budget.spend(2000.0 + k / 150) for k in range(5000))


def test_pages_that_connect_again_and_again_are_let_in() -> None:
    visits = Visits()
    assert all(visits.begin(OTHER, 0.0) for _ in range(15)), "fifteen tabs"
    assert all(visits.begin(OTHER, 4.0 * k) for k in range(1, 500)), "a server that is full"


def test_who_offends_waits_and_others_do_not() -> None:
    visits = Visits()
    begun = 0
    while visits.begin(OTHER, 0.0):
        visits.offend(OTHER, 0.0)
        begun += 1
    assert begun == 2
    assert not visits.begin(OTHER, 1.0)
    assert visits.begin("192.0.2.8", 1.0)
    assert all(visits.begin("127.0.0.1", 1.0) for _ in range(1000))
    for _ in range(1000):
        visits.offend(OTHER, 1.0)
    assert visits.begin(OTHER, 120.0), "it is no ban"


def test_networks_are_one_visitor_and_few_are_remembered() -> None:
    visits = Visits()
    begun = sum(visits.begin(f"2001:db8::{k:x}", 0.0) for k in range(1000))
    assert begun == 20
    assert visits.begin("2001:db8:0:1::1", 0.0)
    for k in range(5000):
        visits.begin(f"2001:db8:{k:x}::1", float(k))
    assert len(vars(visits)["_budgets"]) <= 1000


@pytest.mark.parametrize(
    ("address", "local", "peer"),
    [
        ("127.0.0.1", True, "127.0.0.1"),
        ("::1", True, "::/64"),
        ("192.0.2.7", False, "192.0.2.7"),
        ("::ffff:192.0.2.7", False, "192.0.2.7"),
        ("fe80::1%eth0", False, "fe80::/64"),
        ("::ffff:127.0.0.1", True, "127.0.0.1"),
        ("", True, "None"),
    ],
)
def test_addresses(address: str, local: bool, peer: str) -> None:
    assert is_local(address) == local
    assert peer_of(address) == peer
