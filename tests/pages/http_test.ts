import { testPage } from "./ways.ts";

testPage("lib/http/README.md");
