import { testPage } from "./ways.ts";

testPage("lib/store/README.md");
