import { testConformance } from "./conformance.ts";
import { PolledHarness } from "./polled.ts";

testConformance(
  "a file that is polled",
  () => Promise.resolve(new PolledHarness()),
);
