/**
 * Shows lainlet at work: an invented cluster in an embedded store, in which
 * something happens every two seconds, the same in each run.
 *
 *     deno task demo [flags of lainlet]
 *
 * @module
 */
import { UsageError } from "../lib/flags.ts";
import { startLogging } from "../lib/log.ts";
import { MemoryStore } from "../lib/store/memory.ts";
import { readFlags, serve, start } from "../main.ts";
import { content, node } from "./demo/cluster.ts";
import { story } from "./demo/story.ts";

/** Time between two things that happen, in ms. */
const PACE = 2_000;

/** What stands for a listen address in a URL; "" is every address. */
function webHost(hostname: string): string {
  if (hostname.includes(":")) return `[${hostname}]`;
  return hostname || "127.0.0.1";
}

start(async () => {
  const { ip, name } = node(1);
  const flags = readFlags(["--ip", ip, "--hostname", name, ...Deno.args]);
  startLogging(flags.logFormat, flags.debug ? "debug" : "info");
  const store = new MemoryStore(content());
  const { web } = await serve(flags, store);
  if (web === undefined || flags.web === undefined) {
    throw new UsageError("the demo needs --web");
  }
  const url = `http://${webHost(flags.web.hostname)}:${web.port}`;
  console.log(`
A cluster of twelve nodes and some thirty apps is at ${url}: look at
it in a browser, or try:

  curl '${url}/v2/proxywatcher?appname=shop'
  curl '${url}/v2/containers?nodename=node1'
  curl -N '${url}/v2/webrouter/webprocs?appname=shop&watch=1'

This is what happens in it; Ctrl-C ends it:
`);
  const events = story();
  setInterval(() => {
    const event = events.next().value;
    console.log(`${new Date().toTimeString().slice(0, 8)}  ${event.text}`);
    store.commit(event.changes);
  }, PACE);
});
