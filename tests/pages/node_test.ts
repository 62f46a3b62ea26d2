import { testPages } from "./checks.ts";

testPages("scripts/package/README.md");
