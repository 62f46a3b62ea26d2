import { testPage } from "./ways.ts";

testPage("scripts/package/README.md");
