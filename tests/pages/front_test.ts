import { testPage } from "./checks.ts";

testPage("README.md");
