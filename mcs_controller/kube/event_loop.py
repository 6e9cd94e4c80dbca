"""The event loop that our programs run on: uvloop, with sockets that have one owner."""

import logging
from typing import Any

import uvloop

_log = logging.getLogger(__name__)


class EventLoop(uvloop.Loop):
    """uvloop that never leaves a connection's number to a socket object that has lost it.

    Our own connections, and those of aiohttp, are made first and then given to uvloop. A connection that is
    gone at that moment, since the server has reset it, is closed by uvloop. But the socket object still has
    the number, and closes it once more when it is collected. By then another connection may have the number:
    it is cut, and uvloop refuses the next one that gets it ("File descriptor 16 is used by transport ...").
    """

    async def create_connection(self, *args: Any, **kwargs: Any) -> Any:
        """As of asyncio. A socket that was given (`sock`) belongs to the loop from now on, or is closed."""
        given = kwargs.get("sock")
        try:
            made: Any = await super().create_connection(*args, **kwargs)
        except BaseException:
            if given is not None:
                given.detach()
            raise
        if given is not None and made[0].is_closing():
            given.detach()
        return made

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """As of asyncio, but a connection that we closed has no errors.

        What a peer still sends may arrive while a TLS connection is closed. It is read, and then uvloop finds
        that it cannot write any more (https://github.com/MagicStack/uvloop/issues/506).
        """
        transport, error = context.get("transport"), context.get("exception")
        if transport is not None and transport.is_closing() and _is_closed(error):
            _log.debug("a closed connection was written to: %s", error)
            return
        super().call_exception_handler(context)


def _is_closed(error: object) -> bool:
    """Whether uvloop refused to use a transport that is closed."""
    return isinstance(error, RuntimeError) and str(error).endswith("the handler is closed")
