import { testPages } from "./checks.ts";

testPages(
  "lib/client/README.md",
  "lib/http/README.md",
  "scripts/bench/README.md",
  "tests/simulation/README.md",
);
