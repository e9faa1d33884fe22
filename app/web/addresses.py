"""How many connections and handshakes one address may have (decisions, section 8)."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Addresses:
    """Counts by address. Bounded: the handshakes of the last second only, and addresses with a connection."""

    connections: int = 1000
    handshakes_per_second: int = 50
    _open: dict[str, int] = field(default_factory=dict)
    _second: dict[str, int] = field(default_factory=dict)
    _since: float = 0.0

    def entered(self, address: str, steady: float) -> bool:
        """Count a handshake; False when the address has its fill."""
        if steady - self._since >= 1.0:
            self._since = steady
            self._second.clear()
        handshakes = self._second[address] = self._second.get(address, 0) + 1
        if handshakes > self.handshakes_per_second or self._open.get(address, 0) >= self.connections:
            return False
        self._open[address] = self._open.get(address, 0) + 1
        return True

    def left(self, address: str) -> None:
        """A connection of the address is gone."""
        left = self._open.get(address, 0) - 1
        if left > 0:
            self._open[address] = left
        else:
            self._open.pop(address, None)
