"""Drives one server through the official Python client, in the legacy era, feature by feature.

    python drive.py URL PROFILE

Prints a JSON line for each feature ({feature, ok, detail}); exit code 1 if one fails. PROFILE is an entry of
profiles.json, which names the server's tools.
"""

import json
import sys
import warnings
from pathlib import Path

import anyio
import mcp_types as types
from mcp import Client

PATIENCE = 20
ROOT = "file:///work/of/the/test"
SAMPLED = "sampled by the test"

# Sampling, roots, logging and resources/subscribe are what a legacy client is there to try.
warnings.simplefilter("ignore")


class Driver:
    def __init__(self, url, profile):
        self.profile = profile
        self.elicitations = self.samplings = self.roots_asked = 0
        self.logs, self.updates = [], []
        self.client = Client(
            url,
            # The default would probe for the modern era first.
            mode="legacy",
            read_timeout_seconds=120,
            elicitation_callback=self.on_elicitation,
            sampling_callback=self.on_sampling,
            list_roots_callback=self.on_roots,
            logging_callback=self.on_log,
            message_handler=self.on_message,
        )

    async def on_elicitation(self, _context, _params):
        self.elicitations += 1
        return types.ElicitResult(action="accept", content=self.profile["elicitation"]["answer"])

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

    async def call(self, request, **options):
        result = await self.client.call_tool(request["tool"], request["arguments"], **options)
        text = "\n".join(getattr(block, "text", "") for block in result.content)
        assert not result.is_error, f"{request['tool']} failed: {text}"
        return text

    async def says(self, request, expected):
        text = await self.call(request)
        assert expected in text, f"{request['tool']} said {text}"
        return text[:80]

    async def tools_list(self):
        names = [tool.name for tool in (await self.client.list_tools()).tools]
        for feature in ("call", "elicitation", "sampling", "roots"):
            tool = self.profile[feature]["tool"]
            assert tool in names, f"{tool} is not among {names}"
        return f"{len(names)} tools"

    async def tools_call(self):
        return await self.says(self.profile["call"], self.profile["call"]["expect"])

    async def progress(self):
        steps = []

        async def on_progress(progress, _total, _message):
            steps.append(progress)

        await self.call(self.profile["progress"], progress_callback=on_progress)
        assert len(steps) == self.profile["progress"]["steps"], f"progress came as {steps}"
        return str(steps)

    async def elicitation(self):
        text = await self.says(self.profile["elicitation"], self.profile["elicitation"]["expect"])
        assert self.elicitations == 1, f"asked {self.elicitations} times"
        return text

    async def sampling(self):
        text = await self.says(self.profile["sampling"], SAMPLED)
        assert self.samplings == 1, f"asked {self.samplings} times"
        return text

    async def roots(self):
        text = await self.says(self.profile["roots"], ROOT)
        assert self.roots_asked, "the roots came from elsewhere"
        return text

    async def resources_list(self):
        resources = (await self.client.list_resources()).resources
        assert resources, "no resources"
        templates = (await self.client.list_resource_templates()).resource_templates
        return f"{len(resources)} resources, {len(templates)} templates"

    async def resources_read(self):
        contents = (await self.client.read_resource(self.profile["resource"]["uri"])).contents
        assert self.profile["resource"]["expect"] in contents[0].text, f"read {contents}"
        return contents[0].text[:80]

    async def subscription(self):
        uri = self.profile["subscription"]["uri"]
        await self.client.subscribe_resource(uri)
        await self.call(self.profile["subscription"]["touch"])
        await until(lambda: uri in self.updates)
        await self.client.unsubscribe_resource(uri)
        return uri

    async def prompts(self):
        prompt = self.profile["prompt"]
        names = [listed.name for listed in (await self.client.list_prompts()).prompts]
        assert prompt["name"] in names, f"{prompt['name']} is not among {names}"
        messages = (await self.client.get_prompt(prompt["name"], prompt["arguments"])).messages
        assert prompt["expect"] in messages[0].content.text, f"got {messages}"
        return f"{len(names)} prompts"

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
        await self.client.set_logging_level(wanted["level"])
        self.logs.clear()
        if below := wanted.get("below"):
            await self.call(below)
        await self.call(wanted["say"])
        await until(lambda: self.logs)
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
        if counter:
            with anyio.fail_after(PATIENCE):
                while int(await self.call(counter)) != before + 1:
                    await anyio.sleep(0.05)
        await self.tools_call()
        return "heard by the server" if counter else "the session goes on"


FEATURES = [
    "tools_list", "tools_call", "progress", "elicitation", "sampling", "roots", "resources_list", "resources_read",
    "subscription", "prompts", "completion", "logging", "cancellation",
]  # fmt: skip


async def until(condition):
    with anyio.fail_after(PATIENCE):
        while not condition():
            await anyio.sleep(0.01)


def report(feature, ok, detail):
    print(json.dumps({"feature": feature, "ok": ok, "detail": detail}), flush=True)
    return ok


async def drive(feature, run):
    try:
        with anyio.fail_after(2 * PATIENCE):
            return report(feature, True, await run())
    except Exception as error:
        return report(feature, False, f"{type(error).__name__}: {error}")


async def main(url, profile):
    driver = Driver(url, profile)
    results = []
    try:
        async with driver.client as client:
            info = client.server_info
            report("initialize", True, f"{info.name}, {client.protocol_version}")
            for feature in FEATURES:
                results.append(await drive(feature, getattr(driver, feature)))
    except Exception as error:
        report("session", False, f"{type(error).__name__}: {error}")
        return 1
    return 0 if all(results) else 1


if __name__ == "__main__":
    profiles = json.loads((Path(__file__).resolve().parents[1] / "profiles.json").read_text())
    if len(sys.argv) != 3 or sys.argv[2] not in profiles:
        sys.exit(f"usage: drive.py URL PROFILE, one of {', '.join(profiles)}")
    sys.exit(anyio.run(main, sys.argv[1], profiles[sys.argv[2]]))
