import { testPage } from "./checks.ts";

testPage("lib/http/README.md");
