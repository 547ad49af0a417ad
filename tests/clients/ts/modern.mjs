// The modern era: the SDK since 2026-07-28, and what only that era has.

import {
  Client,
  LOG_LEVEL_META_KEY,
  SERVER_INFO_META_KEY,
  StreamableHTTPClientTransport,
  fromJsonSchema,
} from "@modelcontextprotocol/client";
import { Absent, Features, INVALID_PARAMS, expect, until } from "./features.mjs";

const VERSION = "2026-07-28";
const ABILITIES = { elicitation: { form: {}, url: {} }, sampling: {}, roots: {} };
const ANYTHING = fromJsonSchema({ type: "object" });

export class Driver extends Features {
  notFound = [INVALID_PARAMS];

  constructor(url, profile, capabilities = ABILITIES) {
    super(url, profile);
    // Pinned: "auto" would fall back to the legacy era.
    const versionNegotiation = { mode: { pin: VERSION } };
    this.client = new Client({ name: "drive-ts", version: "2" }, { capabilities, versionNegotiation });
    this.transport = new StreamableHTTPClientTransport(this.url);
    if (capabilities.elicitation) {
      this.client.setRequestHandler("elicitation/create", this.answers.elicitation);
      this.client.setRequestHandler("sampling/createMessage", this.answers.sampling);
      this.client.setRequestHandler("roots/list", this.answers.roots);
    }
    this.client.setNotificationHandler("notifications/message", this.answers.log);
    this.client.setNotificationHandler("notifications/resources/updated", this.answers.updated);
    this.client.setNotificationHandler("notifications/tools/list_changed", this.answers.listChanged);
  }

  without() {
    return new Driver(this.url, this.profile, {});
  }

  version() {
    return this.client.getNegotiatedProtocolVersion();
  }

  callTool(params, options) {
    return this.client.callTool(params, options);
  }

  /** An error with a status other than 400 is the transport's to this SDK: what the server said is in its text. */
  codeOf(error) {
    return typeof error.code === "number" ? error.code : Number(/"code":(-\d+)/.exec(error.message)?.[1]);
  }

  /** The whole result, not through the client's cache. */
  request(method, params) {
    return this.client.request({ method, params }, ANYTHING);
  }

  async discover() {
    const result = await this.client.discover();
    expect(result.supportedVersions.includes(VERSION), `supports ${result.supportedVersions}`);
    expect(result.capabilities.tools, `has no tools: ${JSON.stringify(result.capabilities)}`);
    return result.supportedVersions.join(" ");
  }

  async result_shape() {
    const { uri } = this.profile.resource;
    const listed = await this.request("tools/list", {});
    for (const result of [listed, await this.request("resources/read", { uri })]) {
      expect(Number.isInteger(result.ttlMs) && result.cacheScope, `no cache hints: ${Object.keys(result)}`);
    }
    return `ttlMs ${listed.ttlMs}, ${listed.cacheScope}`;
  }

  async server_stamp() {
    const { _meta: meta } = await this.request("tools/list", {});
    expect(meta?.[SERVER_INFO_META_KEY]?.name, `no serverInfo in ${JSON.stringify(meta)}`);
    return meta[SERVER_INFO_META_KEY].name;
  }

  async subscription() {
    const { uri } = this.profile.subscription;
    const subscription = await this.client.listen({ resourceSubscriptions: [uri] });
    try {
      const honoured = JSON.stringify(subscription.honoredFilter);
      expect(subscription.honoredFilter.resourceSubscriptions?.includes(uri), `honoured ${honoured}`);
      await this.touch(uri);
      await until(() => this.heard.updates.includes(uri), `an update of ${uri}`);
    } finally {
      await subscription.close();
    }
    return uri;
  }

  async unsubscription() {
    const { uri, other } = this.wanted("subscription");
    if (!other) throw new Absent("the profile has no second resource to touch");
    const staying = await this.client.listen({ resourceSubscriptions: [other] });
    try {
      await (await this.client.listen({ resourceSubscriptions: [uri] })).close();
      this.heard.updates.length = 0;
      await this.touch(uri);
      await this.touch(other);
      await until(() => this.heard.updates.includes(other), `an update of ${other}`);
      expect(this.heard.updates.join() === other, `updates of ${this.heard.updates}`);
    } finally {
      await staying.close();
    }
    return `only ${other}`;
  }

  async list_changed() {
    const wanted = this.wanted("list_changed");
    const before = (await this.tools()).names;
    const subscription = await this.client.listen({ toolsListChanged: true });
    try {
      await this.call(wanted);
      await until(() => this.heard.lists > 0, "a changed list of tools");
    } finally {
      await subscription.close();
    }
    const after = (await this.tools()).names;
    expect(after.length === before.length + 1, `${before.length} tools became ${after.length}`);
    return after.at(-1);
  }

  logFrom(level) {
    return { _meta: { [LOG_LEVEL_META_KEY]: level } };
  }
}
