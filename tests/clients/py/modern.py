"""What only the modern era has, and what it does in its own way."""

import anyio
import mcp_types as types
from driver import INVALID_PARAMS, Absent, until
from features import Features
from mcp_types.version import LATEST_MODERN_VERSION
from tasks import Tasks

SERVER_INFO = "io.modelcontextprotocol/serverInfo"
LOG_LEVEL = "io.modelcontextprotocol/logLevel"


class Modern(Features):
    # Not "auto", which would fall back to the legacy era.
    mode = LATEST_MODERN_VERSION
    not_found = (INVALID_PARAMS,)

    def options(self):
        self.tasks = Tasks(self.on_elicitation)
        return {"extensions": [self.tasks]}

    async def connect(self):
        # The client has said nothing yet: it takes the version for granted until it asks.
        discovered = await self.discovered()
        self.client.session.adopt(discovered)
        return self.client.protocol_version

    async def discovered(self):
        return types.DiscoverResult.model_validate(await self.client.session.send_discover(self.mode))

    async def discover(self):
        result = await self.discovered()
        assert self.mode in result.supported_versions, f"supports {result.supported_versions}"
        assert result.capabilities.tools, f"has no tools: {result.capabilities}"
        return " ".join(result.supported_versions)

    async def result_shape(self):
        listed = await self.client.list_tools()
        assert listed.ttl_ms is not None and listed.cache_scope, f"the list has no cache hints: {listed.ttl_ms}"
        read = await self.client.read_resource(self.profile["resource"]["uri"])
        assert read.ttl_ms is not None and read.cache_scope, f"the resource has no cache hints: {read.ttl_ms}"
        return f"ttlMs {listed.ttl_ms}, {listed.cache_scope}"

    async def server_stamp(self):
        meta = (await self.client.list_tools()).meta or {}
        assert SERVER_INFO in meta, f"no serverInfo in {meta}"
        return meta[SERVER_INFO]["name"]

    async def subscription(self):
        uri = self.profile["subscription"]["uri"]
        async with self.client.listen(resource_subscriptions=[uri]) as subscription:
            assert uri in (subscription.honored.resource_subscriptions or ()), f"honoured {subscription.honored}"
            await self.touch(uri)
            event = await self.next_of(subscription)
        assert event.uri == uri, f"heard {event}"
        return uri

    async def unsubscription(self):
        wanted = self.wanted("subscription")
        uri, other = wanted["uri"], wanted.get("other")
        if not other:
            raise Absent("the profile has no second resource to touch")
        async with self.client.listen(resource_subscriptions=[other]) as staying:
            async with self.client.listen(resource_subscriptions=[uri]):
                pass
            self.updates.clear()
            await self.touch(uri)
            await self.touch(other)
            event = await self.next_of(staying)
        assert event.uri == other and uri not in self.updates, f"updates of {self.updates}"
        return f"only {other}"

    async def list_changed(self):
        wanted = self.wanted("list_changed")
        before, _ = await self.tools()
        async with self.client.listen(tools_list_changed=True) as subscription:
            assert subscription.honored.tools_list_changed, f"honoured {subscription.honored}"
            await self.call(wanted)
            await self.next_of(subscription)
        after, _ = await self.tools()
        assert len(after) == len(before) + 1, f"{len(before)} tools became {len(after)}"
        return after[-1]

    async def next_of(self, subscription):
        try:
            with anyio.fail_after(20):
                return await anext(aiter(subscription))
        except TimeoutError:
            raise AssertionError("never happened: an event of the subscription") from None

    async def log_from(self, level):
        return {"meta": {LOG_LEVEL: level}}

    async def task(self):
        wanted = self.wanted("task")
        text = await self.says(wanted, wanted["expect"])
        assert self.tasks.handles, "the call was no task"
        return text

    async def task_asks(self):
        wanted = self.wanted("task_asks")
        return await self.says(wanted, wanted["expect"])
