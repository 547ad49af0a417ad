"""A server as users of FastMCP write them, for tests: its tools ask as one asks in the legacy era.

    python fastmcp_server.py               on stdio
    python fastmcp_server.py --http PORT   over Streamable HTTP
"""

import asyncio
import sys
from dataclasses import dataclass

import mcp_types as types
from fastmcp import Context, FastMCP
from fastmcp.exceptions import ToolError
from fastmcp.tools import FunctionTool

mcp = FastMCP("fastmcp-fixture", instructions="a server with every feature of the legacy era", list_page_size=5)
subscribed = set()
cancelled_calls = 0


grown = 0


@dataclass
class Name:
    name: str


@dataclass
class Colour:
    colour: str


@dataclass
class Sure:
    sure: bool


@dataclass
class Sum:
    sum: float


@mcp.tool
def add(a: float, b: float) -> str:
    """Adds two numbers"""
    return f"{a + b:g}"


@mcp.tool(name="sum")
def add_up(a: float, b: float) -> Sum:
    """Adds two numbers, with a schema for the result"""
    return Sum(a + b)


@mcp.tool
def fails() -> str:
    """Always fails, as a tool fails: in its result"""
    raise ToolError("this tool intentionally fails")


@mcp.tool
async def ping_client(ctx: Context) -> str:
    """Pings the client, which only a legacy server may"""
    await ctx.session.send_ping()
    return "the client answered"


@mcp.tool
async def ask_name(ctx: Context) -> str:
    """Asks the user's name, and greets"""
    answer = await ctx.elicit("What is your name?", response_type=Name)
    return f"Hello, {answer.data.name}!" if answer.action == "accept" else f"no name: {answer.action}"


@mcp.tool
async def survey(ctx: Context) -> str:
    """Asks two things at once, then one more, and reports progress before each round and at the end"""
    await ctx.report_progress(1, 3, "asking")
    name, colour = await asyncio.gather(
        ctx.elicit("Your name?", response_type=Name), ctx.elicit("Your colour?", response_type=Colour)
    )
    await ctx.report_progress(2, 3, "asking once more")
    sure = await ctx.elicit("Sure?", response_type=Sure)
    await ctx.report_progress(3, 3, "done")
    return f"{name.data.name} {'surely likes' if sure.data.sure else 'may like'} {colour.data.colour}"


@mcp.tool
async def ask_url(url: str, ctx: Context) -> str:
    """Asks the user to open a page"""
    answer = await ctx.session.elicit_url("Please sign in", url, "sign-in-1", related_request_id=ctx.request_id)
    return f"page: {answer.action}"


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


@mcp.tool
async def grow(ctx: Context) -> str:
    """Adds a tool to the list, and says so"""
    global grown
    grown += 1
    mcp.add_tool(FunctionTool.from_function(add, name=f"grown_{grown}"))
    await ctx.send_notification(types.ToolListChangedNotification())
    return f"grown_{grown}"


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


@mcp.resource("test://asking", mime_type="text/plain")
async def asking_resource(ctx: Context) -> str:
    """A letter to whoever reads it, who is asked for a name"""
    answer = await ctx.elicit("Who reads it?", response_type=Name)
    return f"a letter to {answer.data.name}"


@mcp.prompt(name="asking")
async def asking_prompt(ctx: Context) -> str:
    """A prompt that asks the user's name first"""
    answer = await ctx.elicit("Who is it for?", response_type=Name)
    return f"A prompt for {answer.data.name}"


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
