"""For uvicorn: /slow takes a second and saves, and the end of the application saves, too. SAVED names the file."""

import asyncio
import os
from pathlib import Path


def save(line: str) -> None:
    with Path(os.environ["SAVED"]).open("a") as file:
        file.write(f"{line}\n")


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                await asyncio.sleep(0.3)
                save("ended")
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return
    if scope["path"] == "/slow":
        save("begun")
        await asyncio.sleep(1)
        save("slow")
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})
