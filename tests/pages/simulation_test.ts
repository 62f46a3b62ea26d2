import { testPage } from "./checks.ts";

testPage("tests/simulation/README.md");
