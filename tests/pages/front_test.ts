import { testPage } from "./ways.ts";

testPage("README.md");
