"""What every driver has: the client with its answers, and the ways to call and to wait."""

import anyio
import mcp_types as types
from mcp import Client
from mcp.shared.exceptions import MCPError

PATIENCE = 20
ROOT = "file:///work/of/the/test"
SAMPLED = "sampled by the test"
INVALID_PARAMS = -32602
METHOD_NOT_FOUND = -32601


class Absent(Exception):
    """The server, says its profile, has nothing to try this with."""


class Driver:
    """A client that answers all questions by the profile, and counts them."""

    #: What `Client` calls the era.
    mode: str

    def __init__(self, url, profile):
        self.url, self.profile = url, profile
        self.forms = self.pages = self.samplings = self.roots_asked = 0
        self.opened, self.logs, self.updates, self.lists_changed = [], [], [], []
        self.client = Client(
            url,
            mode=self.mode,
            # What is cached would hide what the server does.
            cache=None,
            read_timeout_seconds=120,
            elicitation_callback=self.on_elicitation,
            sampling_callback=self.on_sampling,
            list_roots_callback=self.on_roots,
            logging_callback=self.on_log,
            message_handler=self.on_message,
            **self.options(),
        )

    def options(self):
        """What the era adds to the client's options."""
        return {}

    async def on_elicitation(self, _context, params):
        if isinstance(params, types.ElicitRequestURLParams):
            self.opened.append(params.url)
            return types.ElicitResult(action="accept")
        self.forms += 1
        fields = params.requested_schema["properties"]
        known = self.profile["answers"]
        return types.ElicitResult(action="accept", content={key: known[key] for key in fields if key in known})

    async def on_sampling(self, _context, _params):
        self.samplings += 1
        content = types.TextContent(type="text", text=SAMPLED)
        return types.CreateMessageResult(role="assistant", model="test", stop_reason="endTurn", content=content)

    async def on_roots(self, _context):
        self.roots_asked += 1
        return types.ListRootsResult(roots=[types.Root(uri=ROOT, name="work")])

    async def on_log(self, params):
        self.logs.append(params)

    async def on_message(self, message):
        if isinstance(message, types.ResourceUpdatedNotification):
            self.updates.append(str(message.params.uri))
        if isinstance(message, types.ToolListChangedNotification):
            self.lists_changed.append("tools")

    def wanted(self, feature):
        if feature not in self.profile:
            raise Absent(f"the profile has no {feature}")
        return self.profile[feature]

    async def call(self, request, **options):
        result = await self.client.call_tool(request["tool"], request["arguments"], **options)
        text = text_of(result)
        assert not result.is_error, f"{request['tool']} failed: {text}"
        return text

    async def says(self, request, expected):
        text = await self.call(request)
        assert expected in text, f"{request['tool']} said {text}"
        return text[:80]

    async def tools(self):
        """All tools, and in how many pages they came."""
        tools, pages, cursor = [], 0, None
        while pages == 0 or cursor:
            page = await self.client.list_tools(cursor=cursor)
            pages, cursor = pages + 1, page.next_cursor
            tools += page.tools
        return [tool.name for tool in tools], pages


def text_of(result):
    return "\n".join(getattr(block, "text", "") for block in result.content)


async def until(condition, what):
    try:
        with anyio.fail_after(PATIENCE):
            while not condition():
                await anyio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"never happened: {what}") from None


async def refused(request):
    """The error that `request` must end with."""
    try:
        result = await request
    except MCPError as error:
        return error.error
    raise AssertionError(f"answered with {result}")
