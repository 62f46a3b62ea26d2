import { text } from "../lib/http/answer.ts";
import type { Page } from "../lib/view/page.ts";

/** The version of this lainlet, as text. */
export default {
  paths: ["/version"] as const,
  summary: "The version of this lainlet.",
  params: {},
  mediaType: "text/plain",
  respond: ({ version }) => text(version),
} satisfies Page;
