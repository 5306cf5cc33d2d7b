"""The gate before the page's HTTP server: who knocks gets in, says what it wants, and goes.

A connection is one exchange: it becomes a page's socket, or it is cut after a while, whatever it
does or leaves undone. Of those that have not become a page's only so many are kept, the youngest:
who opens a thousand and says nothing shuts himself out, not the page that comes next.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

EXCHANGE_S = 20.0  # for a connection to say what it wants and to get it
CONNECTIONS = 64  # that are not a page's


class Gate:
    """Counts connections and cuts them. Its protocol() is what loop.create_server() asks for."""

    def __init__(self, inner: Callable[[], asyncio.Protocol]) -> None:
        """inner: makes the protocol of a connection that has got in."""
        self._inner = inner
        self._strangers: dict[asyncio.BaseTransport, _Connection] = {}  # the oldest first

    def protocol(self) -> asyncio.Protocol:
        """For a new connection."""
        return _Connection(self, self._inner())

    def admit(self, transport: asyncio.BaseTransport | None) -> None:
        """This one is a page's from now on: it may stay."""
        if transport in self._strangers:
            self._strangers.pop(transport).stays()

    def came(self, transport: asyncio.BaseTransport, connection: _Connection) -> None:
        """A new one; one too many cuts the oldest."""
        self._strangers[transport] = connection
        if len(self._strangers) > CONNECTIONS:
            next(iter(self._strangers.values())).cut()

    def went(self, transport: asyncio.BaseTransport) -> None:
        """It is closed."""
        self._strangers.pop(transport, None)


class _Connection(asyncio.Protocol):
    """Passes all on to the protocol within, and is in time."""

    def __init__(self, gate: Gate, inner: asyncio.Protocol) -> None:
        self._gate, self._inner = gate, inner
        self._transport: asyncio.Transport | None = None
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._deadline = asyncio.get_running_loop().call_later(EXCHANGE_S, self.cut)
        self._gate.came(transport, self)
        self._inner.connection_made(transport)

    def stays(self) -> None:
        if self._deadline:
            self._deadline.cancel()

    def cut(self) -> None:
        if self._transport:
            self._gate.went(self._transport)
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self.stays()
        if self._transport:
            self._gate.went(self._transport)
        self._inner.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received()

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()
