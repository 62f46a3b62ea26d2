import { testPage } from "./checks.ts";

testPage("lib/client/README.md");
