"""A FHIR server for the bench, in a process of its own: answers each search after the same delay, or never.

    python -m tests.bench.slow_fhir PORT SECONDS FOLDER

FOLDER holds Type.json for every type that is asked for. Negative SECONDS: takes requests and does not answer them.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

HEAD = "HTTP/1.1 {status}\r\nContent-Type: application/fhir+json\r\nContent-Length: {length}\r\n\r\n"


async def _serve(port: int, seconds: float, folder: Path) -> None:
    answers = {file.stem: file.read_bytes() for file in folder.glob("*.json")}

    async def caller(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                kind = await _asked(reader)
                if seconds < 0:
                    await asyncio.Event().wait()
                await asyncio.sleep(seconds)
                body = answers.get(kind)
                head = HEAD.format(status="200 OK" if body else "404 Not Found", length=len(body or b""))
                writer.write(head.encode() + (body or b""))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):  # the caller has gone
            writer.close()

    server = await asyncio.start_server(caller, "127.0.0.1", port)
    async with server:
        await server.serve_forever()


async def _asked(reader: asyncio.StreamReader) -> str:
    """The resource type of the next request, whose form is read and forgotten."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    length = next((int(line[15:]) for line in head.lower().splitlines() if line.startswith("content-length:")), 0)
    await reader.readexactly(length)
    path = head.split(" ", 2)[1]
    return path.strip("/").partition("?")[0].split("/")[0]


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), float(sys.argv[2]), Path(sys.argv[3])))
