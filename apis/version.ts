import { text } from "../lib/answer.ts";
import type { Page } from "../lib/page.ts";

/** The version of this lainlet, as text. */
export default {
  paths: ["/version"],
  respond: ({ version }) => text(version),
} satisfies Page;
