"""What only the legacy era has, and what it does in its own way."""

from driver import INVALID_PARAMS, Absent, until
from features import Features


class Legacy(Features):
    # The default would probe for the modern era first.
    mode = "legacy"
    # A modern server behind the bridge knows only the second.
    not_found = (-32002, INVALID_PARAMS)

    async def connect(self):
        return self.client.protocol_version

    async def ping(self):
        await self.client.send_ping()
        return "answered"

    async def server_ping(self):
        wanted = self.wanted("server_ping")
        return await self.says(wanted, wanted["expect"])

    async def roots_changed(self):
        await self.client.send_roots_list_changed()
        await self.tools_call()
        return "the session goes on"

    async def result_shape(self):
        listed = await self.client.list_tools()
        read = await self.client.read_resource(self.profile["resource"]["uri"])
        for result in (listed, read):
            # The model has defaults of its own for what is not there.
            told = result.model_fields_set & {"result_type", "ttl_ms", "cache_scope"}
            assert not told, f"a legacy client is told {told}"
        return "nothing of the other era"

    async def subscription(self):
        uri = self.profile["subscription"]["uri"]
        await self.client.subscribe_resource(uri)
        await self.touch(uri)
        await until(lambda: uri in self.updates, f"an update of {uri}")
        await self.client.unsubscribe_resource(uri)
        return uri

    async def unsubscription(self):
        wanted = self.wanted("subscription")
        uri, other = wanted["uri"], wanted.get("other")
        if not other:
            raise Absent("the profile has no second resource to touch")
        for resource in (uri, other):
            await self.client.subscribe_resource(resource)
        await self.client.unsubscribe_resource(uri)
        self.updates.clear()
        # What is said of the first would come before what is said of the second.
        await self.touch(uri)
        await self.touch(other)
        await until(lambda: other in self.updates, f"an update of {other}")
        await self.client.unsubscribe_resource(other)
        assert self.updates == [other], f"updates of {self.updates}"
        return f"only {other}"

    async def list_changed(self):
        wanted = self.wanted("list_changed")
        before, _ = await self.tools()
        await self.call(wanted)
        await until(lambda: self.lists_changed, "a changed list of tools")
        after, _ = await self.tools()
        assert len(after) == len(before) + 1, f"{len(before)} tools became {len(after)}"
        return after[-1]

    async def log_from(self, level):
        await self.client.set_logging_level(level)
        return {}
