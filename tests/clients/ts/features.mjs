// The features that both eras have, whatever messages carry them.
//
// An era's Driver brings `client`, and how its SDK is called: `callTool`, `request`, `codeOf`, `without`, `logFrom`.

export const PATIENCE = 20_000;
const CONNECT = 120_000;
const ROOT = "file:///work/of/the/test";
const SAMPLED = "sampled by the test";
export const INVALID_PARAMS = -32602;
const METHOD_NOT_FOUND = -32601;
// No such tool for this client, no such request to it, or a capability that it does not have.
const UNABLE = [INVALID_PARAMS, METHOD_NOT_FOUND, -32021];

/** The server, says its profile, has nothing to try this with. */
export class Absent extends Error {}

export function expect(condition, what) {
  if (!condition) throw new Error(what);
}

export async function until(condition, what) {
  const end = Date.now() + PATIENCE;
  while (!condition()) {
    expect(Date.now() < end, `never happened: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const textOf = (result) => result.content.map((block) => block.text ?? "").join("\n");

/** The error that `request` must end with. */
async function refused(request) {
  const result = await request.then(
    (result) => ({ result }),
    (error) => ({ error }),
  );
  expect(result.error, `answered with ${JSON.stringify(result.result)}`);
  return result.error;
}

export class Features {
  constructor(url, profile) {
    this.url = new URL(url);
    this.profile = profile;
    this.heard = { forms: 0, opened: [], samplings: 0, roots: 0, logs: [], updates: [], lists: 0 };
  }

  /** What the client answers when it is asked, and what it does when it is told. */
  answers = {
    elicitation: ({ params }) => {
      if (params.mode === "url") {
        this.heard.opened.push(params.url);
        return { action: "accept" };
      }
      this.heard.forms += 1;
      const known = Object.entries(this.profile.answers).filter(([key]) => key in params.requestedSchema.properties);
      return { action: "accept", content: Object.fromEntries(known) };
    },
    sampling: () => {
      this.heard.samplings += 1;
      return { role: "assistant", model: "test", stopReason: "endTurn", content: { type: "text", text: SAMPLED } };
    },
    roots: () => {
      this.heard.roots += 1;
      return { roots: [{ uri: ROOT, name: "work" }] };
    },
    log: ({ params }) => void this.heard.logs.push(params),
    updated: ({ params }) => void this.heard.updates.push(params.uri),
    listChanged: () => void (this.heard.lists += 1),
  };

  wanted(feature) {
    if (!(feature in this.profile)) throw new Absent(`the profile has no ${feature}`);
    return this.profile[feature];
  }

  async connect() {
    await this.client.connect(this.transport, { timeout: CONNECT });
    return this.version();
  }

  async call({ tool, arguments: args }, options) {
    const result = await this.callTool({ name: tool, arguments: args }, { timeout: PATIENCE, ...options });
    expect(!result.isError, `${tool} failed: ${textOf(result)}`);
    return textOf(result);
  }

  async says(request, expected = request.expect, options) {
    const text = await this.call(request, options);
    expect(text.includes(expected), `${request.tool} said ${text}`);
    return text.slice(0, 80);
  }

  /** All tools, and in how many pages they came. */
  async tools() {
    const names = [];
    let pages = 0;
    let cursor;
    do {
      const page = await this.request("tools/list", cursor ? { cursor } : {});
      names.push(...page.tools.map((tool) => tool.name));
      pages += 1;
      cursor = page.nextCursor;
    } while (cursor);
    return { names, pages };
  }

  async server_info() {
    const wanted = this.wanted("info");
    const info = this.client.getServerVersion();
    expect(info?.name === wanted.name, `the server is ${JSON.stringify(info)}`);
    const instructions = this.client.getInstructions() ?? "";
    expect(instructions.includes(wanted.instructions), `instructed ${instructions.slice(0, 80)}`);
    const capabilities = this.client.getServerCapabilities();
    const missing = ["tools", "resources", "prompts"].filter((name) => !capabilities[name]);
    expect(missing.length === 0, `has no ${missing}`);
    return `${info.name} ${info.version}`;
  }

  async tools_list() {
    const { names } = await this.tools();
    for (const { tool } of [this.profile.call, this.profile.elicitation, this.profile.sampling, this.profile.roots]) {
      expect(names.includes(tool), `${tool} is not among ${names}`);
    }
    return `${names.length} tools`;
  }

  async pagination() {
    const { names, pages } = await this.tools();
    if (pages === 1) throw new Absent("the server lists its tools on one page");
    expect(new Set(names).size === names.length, `twice on the pages: ${names}`);
    return `${pages} pages`;
  }

  tools_call() {
    return this.says(this.profile.call);
  }

  async tool_error() {
    const { tool, arguments: args, expect: expected } = this.wanted("tool_error");
    const result = await this.callTool({ name: tool, arguments: args });
    expect(result.isError && textOf(result).includes(expected), `said ${JSON.stringify(result)}`);
    return textOf(result).slice(0, 80);
  }

  async unknown_tool() {
    const result = await this.callTool({ name: "no_such_tool", arguments: {} }).catch((error) => ({ error }));
    if (!result.error) {
      expect(result.isError, `answered with ${JSON.stringify(result)}`);
      return textOf(result);
    }
    const text = `${result.error.code} ${result.error.message}`;
    expect(this.codeOf(result.error) === INVALID_PARAMS, `refused with ${text}`);
    return text;
  }

  async unknown_method() {
    const error = await refused(this.request("test/nothing", {}));
    expect(this.codeOf(error) === METHOD_NOT_FOUND, `refused with ${error.code} ${error.message}`);
    return `${error.code} ${error.message}`;
  }

  async structured_output() {
    const { tool, arguments: args, expect: expected } = this.wanted("structured_output");
    const { structuredContent } = await this.callTool({ name: tool, arguments: args });
    expect(JSON.stringify(structuredContent) === JSON.stringify(expected), `said ${JSON.stringify(structuredContent)}`);
    return JSON.stringify(structuredContent);
  }

  progress() {
    return this.stepsOf(this.wanted("progress"));
  }

  parked_progress() {
    return this.stepsOf(this.wanted("parked_progress"));
  }

  async stepsOf(wanted) {
    const steps = [];
    // The modern SDK puts in steps of its own, one for each round of questions; they have no total.
    const onprogress = ({ progress, total }) => void (total === undefined || steps.push(progress));
    await this.call(wanted, { onprogress });
    const all = Array.from({ length: wanted.steps }, (_, step) => step + 1);
    expect(steps.join() === all.join(), `progress came as [${steps}]`);
    return steps.join(" ");
  }

  elicitation() {
    return this.askedForms(1, () => this.says(this.wanted("elicitation")));
  }

  two_questions() {
    const wanted = this.wanted("two_questions");
    return this.askedForms(wanted.questions, () => this.says(wanted));
  }

  prompt_asks() {
    const wanted = this.wanted("prompt_asks");
    return this.askedForms(1, () => this.promptSays(wanted));
  }

  resource_asks() {
    const wanted = this.wanted("resource_asks");
    return this.askedForms(1, () => this.reads(wanted));
  }

  async askedForms(times, outcome) {
    const before = this.heard.forms;
    const text = await outcome();
    expect(this.heard.forms - before === times, `asked ${this.heard.forms - before} times`);
    return text;
  }

  async url_elicitation() {
    const wanted = this.wanted("url_elicitation");
    const text = await this.says(wanted);
    expect(this.heard.opened.join() === wanted.arguments.url, `opened ${this.heard.opened}`);
    return text;
  }

  async sampling() {
    const text = await this.says(this.profile.sampling, SAMPLED);
    expect(this.heard.samplings === 1, `asked ${this.heard.samplings} times`);
    return text;
  }

  async roots() {
    const text = await this.says(this.profile.roots, ROOT);
    expect(this.heard.roots > 0, "the roots came from elsewhere");
    return text;
  }

  async capability_missing() {
    const { tool, arguments: args, expect: expected } = this.wanted("elicitation");
    const other = this.without();
    try {
      await other.client.connect(other.transport, { timeout: CONNECT });
      const called = other.callTool({ name: tool, arguments: args }, { timeout: PATIENCE });
      const result = await called.catch((error) => ({ error }));
      const text = result.error ? `${result.error.code} ${result.error.message}` : textOf(result);
      if (result.error) expect(UNABLE.includes(this.codeOf(result.error)), `refused with ${text}`);
      else expect(result.isError || !text.includes(expected), `answered with ${text}`);
      return text.slice(0, 80);
    } finally {
      await other.client.close().catch(() => {});
    }
  }

  async resources_list() {
    const { resources } = await this.client.listResources();
    expect(resources.length > 0, "no resources");
    return `${resources.length} resources`;
  }

  async resource_templates() {
    const wanted = this.wanted("resource_template");
    const { resourceTemplates } = await this.client.listResourceTemplates();
    const listed = resourceTemplates.map((template) => template.uriTemplate);
    expect(listed.includes(wanted.template), `${wanted.template} is not among ${listed}`);
    return this.reads(wanted);
  }

  resources_read() {
    return this.reads(this.profile.resource);
  }

  async reads({ uri, expect: expected }) {
    const { contents } = await this.client.readResource({ uri });
    expect(contents[0].text.includes(expected), `read ${JSON.stringify(contents)}`);
    return contents[0].text.slice(0, 80);
  }

  async resource_not_found() {
    const error = await refused(this.client.readResource({ uri: this.wanted("missing_resource").uri }));
    expect(this.notFound.includes(this.codeOf(error)), `refused with ${error.code} ${error.message}`);
    return `${error.code} ${error.message}`.slice(0, 80);
  }

  touch(uri) {
    return this.call({ tool: this.profile.subscription.touch, arguments: { uri } });
  }

  async prompts() {
    const { prompts } = await this.client.listPrompts();
    expect(prompts.some(({ name }) => name === this.profile.prompt.name), "the prompt is not in the list");
    await this.promptSays(this.profile.prompt);
    return `${prompts.length} prompts`;
  }

  async promptSays({ name, arguments: args, expect: expected }) {
    const { messages } = await this.client.getPrompt({ name, arguments: args });
    expect(messages[0].content.text.includes(expected), `got ${JSON.stringify(messages)}`);
    return messages[0].content.text.slice(0, 80);
  }

  async completion() {
    const { prompt, argument, value, expect: expected } = this.profile.completion;
    const { completion } = await this.client.complete({
      ref: { type: "ref/prompt", name: prompt },
      argument: { name: argument, value },
    });
    expect(completion.values.includes(expected), `completed to ${completion.values}`);
    return completion.values.join(" ");
  }

  async logging() {
    const { level, say, below } = this.profile.logging;
    const params = await this.logFrom(level);
    const speak = ({ tool, arguments: args }) => this.callTool({ name: tool, arguments: args, ...params });
    this.heard.logs.length = 0;
    if (below) await speak(below);
    await speak(say);
    await until(() => this.heard.logs.length > 0, "a log message");
    if (below) {
      expect(this.heard.logs.every((log) => log.level === "error"), `also ${JSON.stringify(this.heard.logs)}`);
    }
    return JSON.stringify(this.heard.logs[0].data).slice(0, 80);
  }

  async cancellation() {
    const { cancellation: wanted, call } = this.profile;
    const counter = wanted.counted_by && { tool: wanted.counted_by, arguments: {} };
    const before = counter && Number(await this.call(counter));
    const abort = new AbortController();
    const cancelled = this.call(wanted, { signal: abort.signal }).then(
      () => false,
      () => true,
    );
    setTimeout(() => abort.abort(), 300);
    expect(await cancelled, "the call ended as if nothing had happened");
    const end = Date.now() + PATIENCE;
    while (counter && Number(await this.call(counter)) !== before + 1) {
      expect(Date.now() < end, "the server never heard of the cancellation");
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await this.says(call);
    return counter ? "heard by the server" : "the session goes on";
  }
}
