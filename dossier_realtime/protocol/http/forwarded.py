"""The address that a request comes from, behind proxies too (docs/protocol.md#addresses-behind-proxies). Pure."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_MAX_HOPS = 32
_SUBSCRIBER_PREFIX = 64  # bits: an IPv6 host chooses the rest by itself


def networks(names: Iterable[str]) -> tuple[Network, ...]:
    """Return the networks that CIDR notations or single addresses name. Raises ValueError."""
    return tuple(ip_network(name) for name in names)


def client_address(peer: str, forwarded: Sequence[str], trusted: Sequence[Network]) -> str:
    """Return the address of the client.

    `peer` is the socket's own address, `forwarded` the X-Forwarded-For headers in their order. Each proxy appends the
    address that it was connected from, so entries are read from the right, and only as far as a trusted proxy wrote
    them: the first address that is no trusted proxy is the client. An entry that is no address ends the reading.
    """
    address = parse(peer)
    if address is None or not _is_in(address, trusted):
        return peer
    for entry in reversed(",".join(forwarded).rsplit(",", _MAX_HOPS)[-_MAX_HOPS:]):
        hop = parse(entry)
        if hop is None:
            break
        address = hop
        if not _is_in(hop, trusted):
            break
    return str(address)


def is_trusted(peer: str, trusted: Sequence[Network]) -> bool:
    """Return whether the socket's own address is a trusted proxy's."""
    address = parse(peer)
    return address is not None and _is_in(address, trusted)


def bucket(address: str) -> str:
    """Return what stands for the address in limits: itself, or the /64 network of an IPv6 address."""
    parsed = parse(address)
    if not isinstance(parsed, IPv6Address):
        return address if parsed is None else str(parsed)
    return str(IPv6Network((int(parsed), _SUBSCRIBER_PREFIX), strict=False))


def parse(text: str) -> Address | None:
    """Return an address, given with or without a port or brackets; None for anything else.

    An IPv4 address in IPv6 notation is the IPv4 address; the zone of a link-local address is dropped.
    """
    text = text.strip()
    if text.startswith("["):
        text, closed, port = text[1:].partition("]")
        if not closed or not _is_port(port):
            return None
    elif text.count(":") == 1:
        text, _, port = text.partition(":")
        if not _is_port(f":{port}"):
            return None
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _is_port(text: str) -> bool:
    """Return whether the text is empty, or a colon and a port."""
    return not text or (text[0] == ":" and text[1:].isascii() and text[1:].isdigit() and int(text[1:]) < 1 << 16)


def _is_in(address: Address, trusted: Sequence[Network]) -> bool:
    return any(address.version == network.version and address in network for network in trusted)
