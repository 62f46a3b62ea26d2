import { testPage } from "./ways.ts";

testPage("lib/client/README.md");
