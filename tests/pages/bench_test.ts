import { testPage } from "./checks.ts";

testPage("scripts/bench/README.md");
