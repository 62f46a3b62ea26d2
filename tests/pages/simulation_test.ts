import { testPage } from "./ways.ts";

testPage("tests/simulation/README.md");
