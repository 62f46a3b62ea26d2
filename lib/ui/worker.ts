/// <reference lib="dom" />
/**
 * The shared worker of the dashboard: it watches views for all windows, as
 * browsers have six connections for a host.
 *
 * @module
 */
import { Feeds } from "./feeds.ts";
import { servePort } from "./ports.ts";

/** lainlet's URL: this file is in its folder `ui`. */
const feeds = new Feeds(new URL("..", location.href).href);

addEventListener("connect", (event) => {
  if (!(event instanceof MessageEvent)) return;
  for (const port of event.ports) servePort(port, feeds);
});
