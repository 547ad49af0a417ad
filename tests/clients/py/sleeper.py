"""A user who takes long to answer, through the official Python client of the modern era, as it is.

    python sleeper.py URL

Counts to 41 and asks the server to be asked by how much to count on. Then it prints `asked`, and answers once a line comes on
standard input; at last it prints what the call returned.
"""

import sys

import anyio
import mcp_types as types
from mcp import Client
from mcp_types.version import LATEST_MODERN_VERSION

PATIENCE = 120


async def on_elicitation(_context, _params):
    print("asked", flush=True)
    await anyio.to_thread.run_sync(sys.stdin.readline)
    return types.ElicitResult(action="accept", content={"by": 1})


async def main(url):
    client = Client(
        url,
        mode=LATEST_MODERN_VERSION,
        read_timeout_seconds=PATIENCE,
        elicitation_callback=on_elicitation,
    )
    async with client:
        counted = await client.call_tool("increment", {"by": 41})
        assert counted.content[0].text == "41", counted
        print((await client.call_tool("ask_increment", {})).content[0].text, flush=True)


anyio.run(main, sys.argv[1])
