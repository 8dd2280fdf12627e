"""How often one address may fail to sign in before it has to wait, remembered by this process alone."""

from __future__ import annotations

from collections import OrderedDict, deque
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address
from threading import Lock

_MOST_ADDRESSES = 50_000


class Throttle:
    """At most ``most`` failures of one address within ``within``. Accounts are counted in the catalogue, not here."""

    def __init__(self, most: int = 10, within: timedelta = timedelta(minutes=15)) -> None:
        self._most = most
        self._within = within
        self._failures: OrderedDict[str, deque[datetime]] = OrderedDict()
        self._lock = Lock()

    def waits(self, address: str, at: datetime) -> bool:
        """Whether this address has failed too often lately."""
        with self._lock:
            return len(self._recent(network(address), at)) >= self._most

    def failed(self, address: str, at: datetime) -> None:
        """Remember one failure; the addresses silent for longest are forgotten first."""
        key = network(address)
        with self._lock:
            recent = self._recent(key, at)
            recent.append(at)
            self._failures[key] = recent
            self._failures.move_to_end(key)
            while len(self._failures) > _MOST_ADDRESSES:
                self._failures.popitem(last=False)

    def _recent(self, key: str, at: datetime) -> deque[datetime]:
        failures = self._failures.get(key, deque())
        while failures and failures[0] <= at - self._within:
            failures.popleft()
        return failures


def network(address: str) -> str:
    """What counts as one address: an IPv4 address, or the /64 that one IPv6 subscriber has to himself."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(IPv6Address(int(parsed) >> 64 << 64)) + "/64"
    return str(parsed)
