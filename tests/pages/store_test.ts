import { testPage } from "./checks.ts";

testPage("lib/store/README.md");
