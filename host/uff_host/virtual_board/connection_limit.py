"""The limit of connections to the page's HTTP server, in number and in time.

A connection is one exchange: it becomes a page's socket, or it is cut after a while, whatever it
does or leaves undone. Of those that have not become a page's only so many are kept, the newest:
a client that opens a thousand and sends nothing shuts out itself, not the page that comes next.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

EXCHANGE_S = 20.0  # for a connection to say what it wants and to get it
CONNECTIONS = 64  # that are not a page's


class ConnectionLimit:
    """Counts connections and cuts them. Its protocol() is what loop.create_server() asks for."""

    def __init__(self, inner: Callable[[], asyncio.Protocol]) -> None:
        """inner: makes the protocol of a connection."""
        self._inner = inner
        self._waiting: dict[asyncio.BaseTransport, _Connection] = {}  # the oldest first

    def protocol(self) -> asyncio.Protocol:
        """For a new connection."""
        return _Connection(self, self._inner())

    def admit(self, transport: asyncio.BaseTransport | None) -> None:
        """This one is a page's from now on: it may stay."""
        if transport in self._waiting:
            self._waiting.pop(transport).keep()

    def opened(self, transport: asyncio.BaseTransport, connection: _Connection) -> None:
        """A new one; one too many cuts the oldest."""
        self._waiting[transport] = connection
        if len(self._waiting) > CONNECTIONS:
            next(iter(self._waiting.values())).cut()

    def closed(self, transport: asyncio.BaseTransport) -> None:
        """It is closed."""
        self._waiting.pop(transport, None)


class _Connection(asyncio.Protocol):
    """Passes all on to the inner protocol, until its time is over."""

    def __init__(self, limit: ConnectionLimit, inner: asyncio.Protocol) -> None:
        self._limit, self._inner = limit, inner
        self._transport: asyncio.Transport | None = None
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._deadline = asyncio.get_running_loop().call_later(EXCHANGE_S, self.cut)
        self._limit.opened(transport, self)
        self._inner.connection_made(transport)

    def keep(self) -> None:
        if self._deadline:
            self._deadline.cancel()

    def cut(self) -> None:
        if self._transport:
            self._limit.closed(self._transport)
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self.keep()
        if self._transport:
            self._limit.closed(self._transport)
        self._inner.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received()

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()
