// Drives one server through the official TypeScript client, in the legacy era, feature by feature.
//
//   node drive.mjs URL PROFILE
//
// Prints a JSON line for each feature ({feature, ok, detail}); exit code 1 if one fails. PROFILE is an entry of
// profiles.json, which names the server's tools. Runs from the folder that has its packages.

import { readFileSync } from "node:fs";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
  LoggingMessageNotificationSchema,
  ResourceUpdatedNotificationSchema,
} from "@modelcontextprotocol/sdk/types.js";

const PATIENCE = 20_000;
const ROOT = "file:///work/of/the/test";
const SAMPLED = "sampled by the test";

const [url, name] = process.argv.slice(2);
const profile = JSON.parse(readFileSync(new URL("profiles.json", import.meta.url)))[name];
if (!url || !profile) {
  console.error("usage: node drive.mjs URL PROFILE, a profile of profiles.json");
  process.exit(2);
}

const heard = { elicitations: 0, samplings: 0, roots: 0, logs: [], updates: [] };
const client = new Client(
  { name: "drive-ts", version: "1" },
  { capabilities: { elicitation: { form: {}, url: {} }, sampling: {}, roots: { listChanged: true } } },
);
client.setRequestHandler(ElicitRequestSchema, () => {
  heard.elicitations += 1;
  return { action: "accept", content: profile.elicitation.answer };
});
client.setRequestHandler(CreateMessageRequestSchema, () => {
  heard.samplings += 1;
  return { role: "assistant", model: "test", stopReason: "endTurn", content: { type: "text", text: SAMPLED } };
});
client.setRequestHandler(ListRootsRequestSchema, () => {
  heard.roots += 1;
  return { roots: [{ uri: ROOT, name: "work" }] };
});
client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => void heard.logs.push(params));
client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => void heard.updates.push(params.uri));

function expect(condition, what) {
  if (!condition) throw new Error(what);
}

async function until(condition, what) {
  const end = Date.now() + PATIENCE;
  while (!condition()) {
    expect(Date.now() < end, `never happened: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function call({ tool, arguments: args }, options) {
  const result = await client.callTool({ name: tool, arguments: args }, undefined, { timeout: PATIENCE, ...options });
  const text = result.content.map((block) => block.text ?? "").join("\n");
  expect(!result.isError, `${tool} failed: ${text}`);
  return text;
}

async function says(request, expected) {
  const text = await call(request);
  expect(text.includes(expected), `${request.tool} said ${text}`);
  return text.slice(0, 80);
}

const features = {
  async tools_list() {
    const { tools } = await client.listTools();
    const names = tools.map((tool) => tool.name);
    for (const { tool } of [profile.call, profile.elicitation, profile.sampling, profile.roots]) {
      expect(names.includes(tool), `${tool} is not among ${names}`);
    }
    return `${tools.length} tools`;
  },
  tools_call: () => says(profile.call, profile.call.expect),
  async progress() {
    const steps = [];
    await call(profile.progress, { onprogress: ({ progress }) => steps.push(progress) });
    expect(steps.length === profile.progress.steps, `progress came as [${steps}]`);
    return steps.join(" ");
  },
  async elicitation() {
    const text = await says(profile.elicitation, profile.elicitation.expect);
    expect(heard.elicitations === 1, `asked ${heard.elicitations} times`);
    return text;
  },
  async sampling() {
    const text = await says(profile.sampling, SAMPLED);
    expect(heard.samplings === 1, `asked ${heard.samplings} times`);
    return text;
  },
  async roots() {
    const text = await says(profile.roots, ROOT);
    expect(heard.roots > 0, "the roots came from elsewhere");
    return text;
  },
  async resources_list() {
    const { resources } = await client.listResources();
    expect(resources.length > 0, "no resources");
    const { resourceTemplates } = await client.listResourceTemplates();
    return `${resources.length} resources, ${resourceTemplates.length} templates`;
  },
  async resources_read() {
    const { contents } = await client.readResource({ uri: profile.resource.uri });
    expect(contents[0].text.includes(profile.resource.expect), `read ${JSON.stringify(contents)}`);
    return contents[0].text.slice(0, 80);
  },
  async subscription() {
    const { uri, touch } = profile.subscription;
    await client.subscribeResource({ uri });
    await call(touch);
    await until(() => heard.updates.includes(uri), `an update of ${uri}`);
    await client.unsubscribeResource({ uri });
    return uri;
  },
  async prompts() {
    const { prompts } = await client.listPrompts();
    expect(prompts.some((prompt) => prompt.name === profile.prompt.name), "the prompt is not in the list");
    const { messages } = await client.getPrompt({ name: profile.prompt.name, arguments: profile.prompt.arguments });
    expect(messages[0].content.text.includes(profile.prompt.expect), `got ${JSON.stringify(messages)}`);
    return `${prompts.length} prompts`;
  },
  async completion() {
    const { prompt, argument, value, expect: expected } = profile.completion;
    const { completion } = await client.complete({
      ref: { type: "ref/prompt", name: prompt },
      argument: { name: argument, value },
    });
    expect(completion.values.includes(expected), `completed to ${completion.values}`);
    return completion.values.join(" ");
  },
  async logging() {
    const { level, say, below } = profile.logging;
    await client.setLoggingLevel(level);
    heard.logs.length = 0;
    if (below) await call(below);
    await call(say);
    await until(() => heard.logs.length > 0, "a log message");
    if (below) expect(heard.logs.every((log) => log.level === "error"), `also ${JSON.stringify(heard.logs)}`);
    return JSON.stringify(heard.logs[0].data).slice(0, 80);
  },
  async cancellation() {
    const counter = profile.cancellation.counted_by && { tool: profile.cancellation.counted_by, arguments: {} };
    const before = counter && Number(await call(counter));
    const abort = new AbortController();
    const cancelled = call(profile.cancellation, { signal: abort.signal }).then(
      () => false,
      () => true,
    );
    setTimeout(() => abort.abort(), 300);
    expect(await cancelled, "the call ended as if nothing had happened");
    const end = Date.now() + PATIENCE;
    while (counter && Number(await call(counter)) !== before + 1) {
      expect(Date.now() < end, "the server never heard of the cancellation");
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await says(profile.call, profile.call.expect);
    return counter ? "heard by the server" : "the session goes on";
  },
  async session_end() {
    await transport.terminateSession();
    return "ended";
  },
};

async function drive(feature, run) {
  let ok = true;
  let detail;
  try {
    detail = await run();
  } catch (error) {
    ok = false;
    detail = String(error?.message ?? error);
  }
  console.log(JSON.stringify({ feature, ok, detail }));
  return ok;
}

const transport = new StreamableHTTPClientTransport(new URL(url));
let failed = 0;
const connect = async () => {
  await client.connect(transport, { timeout: 120_000 });
  return `${client.getServerVersion().name}, ${transport.protocolVersion}`;
};
if (await drive("initialize", connect)) {
  for (const [feature, run] of Object.entries(features)) failed += !(await drive(feature, run));
} else {
  failed = 1;
}
await client.close().catch(() => {});
process.exit(failed ? 1 : 0);
