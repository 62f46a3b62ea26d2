import { testPage } from "./ways.ts";

testPage("scripts/bench/README.md");
