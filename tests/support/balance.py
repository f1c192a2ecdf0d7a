# SPDX-License-Identifier: Apache-2.0
"""A balancer that knows nothing but TCP: balance.py PORT BACKEND-PORT… on loopback; who does not answer is passed over.

BALANCE_IDLE=SECONDS: connections on which nothing was sent for so long are ended."""
import asyncio, itertools, os, sys

IDLE = float(os.environ.get("BALANCE_IDLE", "0")) or None
ports = itertools.cycle([int(p) for p in sys.argv[2:]])


async def pipe(reader, writer):
    try:
        while data := await asyncio.wait_for(reader.read(65536), IDLE):
            writer.write(data)
            await writer.drain()
    except (OSError, asyncio.TimeoutError):
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
    await asyncio.gather(pipe(reader, w), pipe(r, writer))


async def main():
    async with await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1])) as s:
        await s.serve_forever()


asyncio.run(main())
