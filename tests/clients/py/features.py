"""The features that both eras have, whatever messages carry them."""

import anyio
import mcp_types as types
from driver import INVALID_PARAMS, METHOD_NOT_FOUND, ROOT, SAMPLED, Absent, Driver, refused, text_of, until
from mcp import Client
from mcp.shared.exceptions import MCPError

# No such tool for this client, no such request to it, or a capability that it does not have.
UNABLE = (INVALID_PARAMS, METHOD_NOT_FOUND, -32021)


class UnknownRequest(types.Request[types.RequestParams | None, str]):
    method: str = "test/nothing"
    params: types.RequestParams | None = None


class Features(Driver):
    async def server_info(self):
        wanted, info = self.wanted("info"), self.client.server_info
        assert info and info.name == wanted["name"], f"the server is {info}"
        assert wanted["instructions"] in (self.client.instructions or ""), f"instructed {self.client.instructions}"
        capabilities = self.client.server_capabilities
        missing = [name for name in ("tools", "resources", "prompts") if not getattr(capabilities, name)]
        assert not missing, f"has no {missing}"
        return f"{info.name} {info.version}"

    async def tools_list(self):
        names, _ = await self.tools()
        for feature in ("call", "elicitation", "sampling", "roots"):
            tool = self.profile[feature]["tool"]
            assert tool in names, f"{tool} is not among {names}"
        return f"{len(names)} tools"

    async def pagination(self):
        names, pages = await self.tools()
        if pages == 1:
            raise Absent("the server lists its tools on one page")
        assert len(set(names)) == len(names), f"twice on the pages: {names}"
        return f"{pages} pages"

    async def tools_call(self):
        return await self.says(self.profile["call"], self.profile["call"]["expect"])

    async def tool_error(self):
        wanted = self.wanted("tool_error")
        result = await self.client.call_tool(wanted["tool"], wanted["arguments"])
        assert result.is_error and wanted["expect"] in text_of(result), f"said {result}"
        return text_of(result)[:80]

    async def unknown_tool(self):
        try:
            result = await self.client.call_tool("no_such_tool", {})
        except MCPError as error:
            assert error.error.code == INVALID_PARAMS, f"refused with {error.error}"
            return f"{error.error.code} {error.error.message}"
        assert result.is_error, f"answered with {result}"
        return text_of(result)[:80]

    async def unknown_method(self):
        error = await refused(self.client.session.send_request(UnknownRequest(), types.EmptyResult))
        assert error.code == METHOD_NOT_FOUND, f"refused with {error}"
        return f"{error.code} {error.message}"

    async def structured_output(self):
        wanted = self.wanted("structured_output")
        result = await self.client.call_tool(wanted["tool"], wanted["arguments"])
        assert result.structured_content == wanted["expect"], f"said {result.structured_content}"
        return str(result.structured_content)

    async def progress(self):
        return await self.steps_of(self.wanted("progress"))

    async def parked_progress(self):
        return await self.steps_of(self.wanted("parked_progress"))

    async def steps_of(self, wanted):
        steps = []

        async def on_progress(progress, _total, _message):
            steps.append(progress)

        await self.call(wanted, progress_callback=on_progress)
        assert steps == list(range(1, wanted["steps"] + 1)), f"progress came as {steps}"
        return str(steps)

    async def elicitation(self):
        return await self.asked_forms(1, self.says(self.wanted("elicitation"), self.profile["elicitation"]["expect"]))

    async def two_questions(self):
        wanted = self.wanted("two_questions")
        return await self.asked_forms(wanted["questions"], self.says(wanted, wanted["expect"]))

    async def prompt_asks(self):
        wanted = self.wanted("prompt_asks")
        return await self.asked_forms(1, self.prompt_says(wanted))

    async def resource_asks(self):
        return await self.asked_forms(1, self.reads(self.wanted("resource_asks")))

    async def asked_forms(self, times, outcome):
        before = self.forms
        text = await outcome
        assert self.forms - before == times, f"asked {self.forms - before} times"
        return text

    async def url_elicitation(self):
        wanted = self.wanted("url_elicitation")
        text = await self.says(wanted, wanted["expect"])
        assert self.opened == [wanted["arguments"]["url"]], f"opened {self.opened}"
        return text

    async def sampling(self):
        text = await self.says(self.profile["sampling"], SAMPLED)
        assert self.samplings == 1, f"asked {self.samplings} times"
        return text

    async def roots(self):
        text = await self.says(self.profile["roots"], ROOT)
        assert self.roots_asked, "the roots came from elsewhere"
        return text

    async def capability_missing(self):
        wanted = self.wanted("elicitation")
        async with Client(self.url, mode=self.mode, cache=None, read_timeout_seconds=60) as unable:
            try:
                result = await unable.call_tool(wanted["tool"], wanted["arguments"])
            except MCPError as error:
                assert error.error.code in UNABLE, f"refused with {error.error}"
                return f"{error.error.code} {error.error.message}"
            assert result.is_error or wanted["expect"] not in text_of(result), f"answered with {result}"
            return text_of(result)[:80]

    async def resources_list(self):
        resources = (await self.client.list_resources()).resources
        assert resources, "no resources"
        return f"{len(resources)} resources"

    async def resource_templates(self):
        wanted = self.wanted("resource_template")
        templates = (await self.client.list_resource_templates()).resource_templates
        listed = [template.uri_template for template in templates]
        assert wanted["template"] in listed, f"{wanted['template']} is not among {listed}"
        return await self.reads(wanted)

    async def resources_read(self):
        return await self.reads(self.profile["resource"])

    async def reads(self, wanted):
        contents = (await self.client.read_resource(wanted["uri"])).contents
        assert wanted["expect"] in contents[0].text, f"read {contents}"
        return contents[0].text[:80]

    async def resource_not_found(self):
        error = await refused(self.client.read_resource(self.wanted("missing_resource")["uri"]))
        assert error.code in self.not_found, f"refused with {error}"
        return f"{error.code} {error.message}"[:80]

    async def touch(self, uri):
        await self.call({"tool": self.profile["subscription"]["touch"], "arguments": {"uri": uri}})

    async def prompts(self):
        wanted = self.profile["prompt"]
        names = [listed.name for listed in (await self.client.list_prompts()).prompts]
        assert wanted["name"] in names, f"{wanted['name']} is not among {names}"
        await self.prompt_says(wanted)
        return f"{len(names)} prompts"

    async def prompt_says(self, wanted):
        messages = (await self.client.get_prompt(wanted["name"], wanted["arguments"])).messages
        text = messages[0].content.text
        assert wanted["expect"] in text, f"got {messages}"
        return text[:80]

    async def completion(self):
        wanted = self.profile["completion"]
        result = await self.client.complete(
            types.PromptReference(type="ref/prompt", name=wanted["prompt"]),
            {"name": wanted["argument"], "value": wanted["value"]},
        )
        assert wanted["expect"] in result.completion.values, f"completed to {result.completion.values}"
        return " ".join(result.completion.values)

    async def logging(self):
        wanted = self.profile["logging"]
        options = await self.log_from(wanted["level"])
        self.logs.clear()
        if below := wanted.get("below"):
            await self.call(below, **options)
        await self.call(wanted["say"], **options)
        await until(lambda: self.logs, "a log message")
        if below:
            assert all(log.level == "error" for log in self.logs), f"also {self.logs}"
        return str(self.logs[0].data)[:80]

    async def cancellation(self):
        wanted = self.profile["cancellation"]
        counter = wanted.get("counted_by") and {"tool": wanted["counted_by"], "arguments": {}}
        before = int(await self.call(counter)) if counter else 0
        with anyio.move_on_after(0.3) as scope:
            await self.call(wanted)
        assert scope.cancelled_caught, "the call ended as if nothing had happened"
        with anyio.move_on_after(20) as waiting:
            while counter and int(await self.call(counter)) != before + 1:
                await anyio.sleep(0.05)
        assert not waiting.cancelled_caught, "the server never heard of the cancellation"
        await self.tools_call()
        return "heard by the server" if counter else "the session goes on"
