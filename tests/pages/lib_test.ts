import { testPage } from "./checks.ts";

testPage("lib/README.md");
