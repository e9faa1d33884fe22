"""A real server on this machine, for the tests of programs that use the SDK."""

from .inbox import FakeInbox
from .server import FakeConnection, FakeServer, Replies, Said

__all__ = ["FakeConnection", "FakeInbox", "FakeServer", "Replies", "Said"]
