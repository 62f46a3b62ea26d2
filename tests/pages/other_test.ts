import { testPages } from "./checks.ts";

testPages(
  "apis/README.md",
  "lib/client/README.md",
  "lib/http/README.md",
  "scripts/bench/README.md",
  "tests/simulation/README.md",
);
