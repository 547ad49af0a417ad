"""A server as users of FastMCP write them, with every feature of the legacy era, for tests.

    python fastmcp_server.py               on stdio
    python fastmcp_server.py --http PORT   over Streamable HTTP
"""

import asyncio
import sys
from dataclasses import dataclass

import mcp_types as types
from fastmcp import Context, FastMCP

mcp = FastMCP("fastmcp-fixture")
subscribed = set()
cancelled_calls = 0


@dataclass
class Name:
    name: str


@mcp.tool
def add(a: float, b: float) -> str:
    """Adds two numbers"""
    return f"{a + b:g}"


@mcp.tool
async def ask_name(ctx: Context) -> str:
    """Asks the user's name, and greets"""
    answer = await ctx.elicit("What is your name?", response_type=Name)
    return f"Hello, {answer.data.name}!" if answer.action == "accept" else f"no name: {answer.action}"


@mcp.tool
async def sample(prompt: str, ctx: Context) -> str:
    """Asks the client's model"""
    message = types.SamplingMessage(role="user", content=types.TextContent(type="text", text=prompt))
    result = await ctx.session.create_message([message], max_tokens=100, related_request_id=ctx.request_id)
    return result.content.text


@mcp.tool
async def list_roots(ctx: Context) -> str:
    """Lists the client's roots"""
    return "\n".join(str(root.uri) for root in (await ctx.session.list_roots()).roots)


@mcp.tool
async def progress(steps: int, ctx: Context) -> str:
    """Reports progress step by step"""
    for step in range(1, steps + 1):
        await ctx.report_progress(step, steps, f"step {step} of {steps}")
        await asyncio.sleep(0.01)
    return f"{steps} steps done"


@mcp.tool
async def log(level: str, message: str, ctx: Context) -> str:
    """Sends one log message"""
    await ctx.log(message, level=level)
    return "done"


@mcp.tool
async def slow(seconds: float) -> str:
    """Takes its time, unless it is cancelled"""
    global cancelled_calls
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        cancelled_calls += 1
        print("slow: cancelled", file=sys.stderr, flush=True)
        raise
    return "done"


@mcp.tool
def cancelled() -> str:
    """Counts the calls that were cancelled"""
    return str(cancelled_calls)


@mcp.tool
async def touch_resource(uri: str, ctx: Context) -> str:
    """Tells the client, if it subscribed, that a resource has changed"""
    if uri in subscribed:
        await ctx.session.send_resource_updated(uri)
    return "told" if uri in subscribed else "nobody asked"


@mcp.resource("test://static-text", mime_type="text/plain")
def static_text() -> str:
    """A text that stays the same"""
    return "This is the content of the static text resource."


@mcp.resource("test://watched-resource", mime_type="text/plain")
def watched() -> str:
    """A text to subscribe to"""
    return "the content of the watched resource"


@mcp.resource("test://template/{id}/data", mime_type="text/plain")
def template(id: str) -> str:
    """The data of an id"""
    return f"data of {id}"


@mcp.prompt
def promote(name: str, department: str) -> str:
    """Promotes somebody"""
    return f"Please promote {name} to the head of {department}."


@mcp.completion
def complete(ref, argument, context):
    known = ["Engineering", "Sales", "Marketing", "Support"] if argument.name == "department" else ["Alice", "Bob"]
    return [value for value in known if value.startswith(argument.value)]


async def on_subscribe(_context, params):
    subscribed.add(str(params.uri))
    return types.EmptyResult()


async def on_unsubscribe(_context, params):
    subscribed.discard(str(params.uri))
    return types.EmptyResult()


# FastMCP itself has no subscriptions; the server underneath does.
mcp._mcp_server.add_request_handler("resources/subscribe", types.SubscribeRequestParams, on_subscribe)
mcp._mcp_server.add_request_handler("resources/unsubscribe", types.UnsubscribeRequestParams, on_unsubscribe)

if __name__ == "__main__":
    if sys.argv[1:2] == ["--http"]:
        mcp.run(transport="http", host="127.0.0.1", port=int(sys.argv[2]), show_banner=False)
    else:
        mcp.run(show_banner=False)
