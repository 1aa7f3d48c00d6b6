"""A link of known latency and bandwidth between a client and a server on loopback.

Hand-written: kernel traffic shaping needs root, and the proxies that delay traffic delay packets
or connections, not requests. What a store costs is its round trips, so the link delays and
counts those: a round trip begins whenever the client speaks after the server did.

Run as ``python -m cryoet_bench.harness.link LATENCY BANDWIDTH LANES SERVER...``: it starts the
server and prints its own port, then for each line that it reads the number of round trips so far.
It ends, and the server with it, when there is nothing more to read: so both end with whoever
started them.
"""

from __future__ import annotations

import asyncio
import re
import sys

_PIECE = 1 << 16


class Link:
    """Connections to a port of this machine.

    Parameters
    ----------
    port : int
        Where the server listens.
    latency : float
        Seconds that a request waits.
    bandwidth : float
        Bytes per second of a response, 0 for no limit.
    lanes : int
        Requests that may wait at the same time; with one, each waits after the one before.
    """

    def __init__(self, port: int, latency: float, bandwidth: float, lanes: int) -> None:
        self._port = port
        self._latency = latency
        self._bandwidth = bandwidth
        self._lanes = asyncio.Semaphore(lanes)
        self.round_trips = 0

    async def connect(self, client: asyncio.StreamReader, answer: asyncio.StreamWriter) -> None:
        """Serve one connection of a client."""
        server, forward = await asyncio.open_connection("127.0.0.1", self._port)
        turn = asyncio.Event()
        turn.set()
        try:
            await asyncio.gather(
                self._requests(client, forward, turn), self._responses(server, answer, turn)
            )
        except (ConnectionError, asyncio.CancelledError):
            pass  # the client, the server or the link itself has ended
        finally:
            forward.close()
            answer.close()

    async def _requests(
        self, client: asyncio.StreamReader, forward: asyncio.StreamWriter, turn: asyncio.Event
    ) -> None:
        while data := await client.read(_PIECE):
            if turn.is_set():
                turn.clear()
                self.round_trips += 1
                async with self._lanes:
                    await asyncio.sleep(self._latency)
            forward.write(data)
            await forward.drain()
        forward.write_eof()

    async def _responses(
        self, server: asyncio.StreamReader, answer: asyncio.StreamWriter, turn: asyncio.Event
    ) -> None:
        while data := await server.read(_PIECE):
            turn.set()
            if self._bandwidth:
                await asyncio.sleep(len(data) / self._bandwidth)
            answer.write(data)
            await answer.drain()
        answer.close()


async def _serve(latency: float, bandwidth: float, lanes: int, command: list[str]) -> None:
    pipe = asyncio.subprocess.PIPE
    server = await asyncio.create_subprocess_exec(*command, stderr=pipe, stdin=pipe)
    try:
        link = Link(await _port(server), latency, bandwidth, lanes)
        listener = await asyncio.start_server(link.connect, "127.0.0.1", 0)
        print(listener.sockets[0].getsockname()[1], flush=True)  # noqa: T201
        loop = asyncio.get_running_loop()
        while await loop.run_in_executor(None, sys.stdin.readline):
            print(link.round_trips, flush=True)  # noqa: T201
    finally:
        server.kill()
        await server.wait()


async def _port(server: asyncio.subprocess.Process) -> int:
    assert server.stderr is not None
    said = []
    async for line in server.stderr:
        said.append(line.decode())
        if found := re.search(r"http://127\.0\.0\.1:(\d+)", said[-1]):
            return int(found[1])
    raise RuntimeError(f"the server does not serve: {''.join(said).strip()}")


if __name__ == "__main__":
    asyncio.run(_serve(float(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]))
