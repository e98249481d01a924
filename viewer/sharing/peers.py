"""Limits on the visitors from one address."""

from __future__ import annotations

import ipaddress
import math

_VISITS_PER_S = 0.5
_VISITS_AT_ONCE = 20.0
_OFFENCE_COST = 10.0  # of a message that is refused, in visits
_MOST_KNOWN = 1000


def is_local(address: str) -> bool:
    """Return True for this machine, whose visitors have no limits in common.

    Some come through a tunnel or a proxy, and whoever is on the machine can do worse.
    """
    number = _number(address)
    return number is None or number.is_loopback


def peer_of(address: str) -> str:
    """Return what visitors have in common who may be one: their address, or its /64 network."""
    number = _number(address)
    if isinstance(number, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((number, 64), strict=False))
    return str(number)


def _number(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return an address, or None if it is none of the internet."""
    try:
        number = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    mapped = number.ipv4_mapped if isinstance(number, ipaddress.IPv6Address) else None
    return mapped or number


class Budget:
    """Limit of a visitor: much at once, but not for long."""

    def __init__(self, per_second: float, most: float) -> None:
        """Begin with ``most``; ``per_second`` is added each second, up to ``most``."""
        self._per_second = per_second
        self._most = most
        self._left = most
        self._at = -math.inf

    def left(self, now: float) -> float:
        """Return how much may be spent."""
        gained = (now - self._at) * self._per_second
        return min(self._left + gained, self._most)

    def spend(self, now: float, cost: float = 1.0) -> bool:
        """Spend ``cost``; return False if it is too much."""
        self._left = self.left(now) - cost
        self._at = now
        return self._left >= 0


class Visits:
    """Visits from each address; offences make them rarer."""

    def __init__(self) -> None:
        """Begin without visits."""
        self._budgets: dict[str, Budget] = {}

    def begin(self, address: str, now: float) -> bool:
        """Count a visit; return False if it is one too many for now."""
        budget = self._budget(address, now)
        return budget is None or budget.spend(now)

    def offend(self, address: str, now: float) -> None:
        """Count a message that was refused."""
        budget = self._budget(address, now)
        if budget is not None and budget.left(now) > -_VISITS_AT_ONCE:
            budget.spend(now, _OFFENCE_COST)

    def _budget(self, address: str, now: float) -> Budget | None:
        if is_local(address):
            return None
        if len(self._budgets) >= _MOST_KNOWN:
            kept = {p: b for p, b in self._budgets.items() if b.left(now) < _VISITS_AT_ONCE}
            self._budgets = dict([*kept.items()][-_MOST_KNOWN // 2 :])
        return self._budgets.setdefault(peer_of(address), Budget(_VISITS_PER_S, _VISITS_AT_ONCE))
