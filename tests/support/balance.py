# SPDX-License-Identifier: Apache-2.0
"""A balancer that knows nothing but TCP: balance.py PORT BACKEND-PORT… on loopback; who does not answer is passed over.

BALANCE_IDLE=SECONDS: connections on which nothing was sent for so long, while nobody owed an answer, are ended."""
import asyncio, itertools, os, sys

IDLE = float(os.environ.get("BALANCE_IDLE", "0")) or None
ports = itertools.cycle([int(p) for p in sys.argv[2:]])


class Idle:
    """Ends a connection's both sides some time after the backend spoke last."""

    def __init__(self, *writers):
        self.writers, self.timer = writers, None

    def spoke(self, answer):
        if self.timer:
            self.timer.cancel()
        self.timer = asyncio.get_running_loop().call_later(IDLE, self.end) if IDLE and answer else None

    def end(self):
        for writer in self.writers:
            writer.close()


async def pipe(reader, writer, idle, answer):
    try:
        while data := await reader.read(65536):
            idle.spoke(answer)
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    writer.close()


async def serve(reader, writer):
    for _ in sys.argv[2:]:
        try:
            r, w = await asyncio.open_connection("127.0.0.1", next(ports))
            break
        except OSError:
            continue
    else:
        return writer.close()
    idle = Idle(writer, w)
    await asyncio.gather(pipe(reader, w, idle, False), pipe(r, writer, idle, True))
    idle.spoke(False)


async def main():
    async with await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1])) as s:
        await s.serve_forever()


asyncio.run(main())
