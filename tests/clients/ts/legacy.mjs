// The legacy era: the SDK as it was before 2026-07-28, and what only that era has.

import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
  LoggingMessageNotificationSchema,
  ResourceUpdatedNotificationSchema,
  ResultSchema,
  ToolListChangedNotificationSchema,
} from "@modelcontextprotocol/sdk/types.js";
import { Absent, Features, INVALID_PARAMS, expect, until } from "./features.mjs";

const ABILITIES = { elicitation: { form: {}, url: {} }, sampling: {}, roots: { listChanged: true } };

export class Driver extends Features {
  // A modern server behind the bridge knows only the second.
  notFound = [-32002, INVALID_PARAMS];

  constructor(url, profile, capabilities = ABILITIES) {
    super(url, profile);
    this.client = new Client({ name: "drive-ts", version: "1" }, { capabilities });
    this.transport = new StreamableHTTPClientTransport(this.url);
    if (capabilities.elicitation) {
      this.client.setRequestHandler(ElicitRequestSchema, this.answers.elicitation);
      this.client.setRequestHandler(CreateMessageRequestSchema, this.answers.sampling);
      this.client.setRequestHandler(ListRootsRequestSchema, this.answers.roots);
    }
    this.client.setNotificationHandler(LoggingMessageNotificationSchema, this.answers.log);
    this.client.setNotificationHandler(ResourceUpdatedNotificationSchema, this.answers.updated);
    this.client.setNotificationHandler(ToolListChangedNotificationSchema, this.answers.listChanged);
  }

  without() {
    return new Driver(this.url, this.profile, {});
  }

  version() {
    return this.transport.protocolVersion;
  }

  callTool(params, options) {
    return this.client.callTool(params, undefined, options);
  }

  codeOf(error) {
    return error.code;
  }

  /** The whole result, with what the SDK does not know. */
  request(method, params) {
    return this.client.request({ method, params }, ResultSchema);
  }

  async ping() {
    await this.client.ping();
    return "answered";
  }

  server_ping() {
    return this.says(this.wanted("server_ping"));
  }

  async roots_changed() {
    await this.client.sendRootsListChanged();
    await this.tools_call();
    return "the session goes on";
  }

  async result_shape() {
    const { uri } = this.profile.resource;
    for (const result of [await this.request("tools/list", {}), await this.request("resources/read", { uri })]) {
      const modern = ["resultType", "ttlMs", "cacheScope"].filter((key) => key in result);
      expect(modern.length === 0, `a legacy client is told ${modern}`);
    }
    return "nothing of the other era";
  }

  async subscription() {
    const { uri } = this.profile.subscription;
    await this.client.subscribeResource({ uri });
    await this.touch(uri);
    await until(() => this.heard.updates.includes(uri), `an update of ${uri}`);
    await this.client.unsubscribeResource({ uri });
    return uri;
  }

  async unsubscription() {
    const { uri, other } = this.wanted("subscription");
    if (!other) throw new Absent("the profile has no second resource to touch");
    for (const resource of [uri, other]) await this.client.subscribeResource({ uri: resource });
    await this.client.unsubscribeResource({ uri });
    this.heard.updates.length = 0;
    // What is said of the first would come before what is said of the second.
    await this.touch(uri);
    await this.touch(other);
    await until(() => this.heard.updates.includes(other), `an update of ${other}`);
    await this.client.unsubscribeResource({ uri: other });
    expect(this.heard.updates.join() === other, `updates of ${this.heard.updates}`);
    return `only ${other}`;
  }

  async list_changed() {
    const wanted = this.wanted("list_changed");
    const before = (await this.tools()).names;
    await this.call(wanted);
    await until(() => this.heard.lists > 0, "a changed list of tools");
    const after = (await this.tools()).names;
    expect(after.length === before.length + 1, `${before.length} tools became ${after.length}`);
    return after.at(-1);
  }

  async logFrom(level) {
    await this.client.setLoggingLevel(level);
    return {};
  }

  async session_end() {
    await this.transport.terminateSession();
    return "ended";
  }
}
