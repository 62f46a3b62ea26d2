import { text } from "../lib/answer.ts";
import type { Page } from "../lib/page.ts";

/** Says that the process serves. */
export default {
  paths: ["/healthz"],
  respond: () => text("ok"),
} satisfies Page;
