import { testPage } from "./checks.ts";

testPage("scripts/package/README.md");
