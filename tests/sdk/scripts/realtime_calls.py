"""Talks over OpenAI's realtime client, async and not, with money, without, and with a wrong key.

Arguments: the edge, a key with money, one without. Writes a line of JSON for each.
"""

import asyncio
import json
import sys

from openai import AsyncOpenAI, OpenAI
from websockets.exceptions import WebSocketException

EDGE, RICH, POOR = sys.argv[1:]


def say(name, **found):
    sys.stdout.write(json.dumps({"name": name, **found}) + "\n")


def client(kind, key):
    return kind(base_url=f"{EDGE}/openai/v1", api_key=key)


async def talk():
    async with client(AsyncOpenAI, RICH).realtime.connect(model="gpt-realtime") as connection:
        await connection.session.update(session={"type": "realtime", "output_modalities": ["text"]})
        await connection.response.create()
        async for event in connection:
            if event.type == "response.done":
                say("async", tokens=event.response.usage.total_tokens)
                break


async def refused(name, key):
    events = []
    try:
        async with client(AsyncOpenAI, key).realtime.connect(model="gpt-realtime") as connection:
            while True:
                event = await connection.recv()
                events.append(event.error.code)
    except WebSocketException as error:
        say(name, events=events, raised=type(error).__name__, words=str(error))


asyncio.run(talk())
asyncio.run(refused("no money", POOR))
asyncio.run(refused("wrong key", "fg-nobody"))
with client(OpenAI, RICH).realtime.connect(model="gpt-realtime") as connection:
    connection.response.create()
    for event in connection:
        if event.type == "response.done":
            say("sync", tokens=event.response.usage.total_tokens)
            break
