import { testPage } from "./ways.ts";

testPage("lib/README.md");
