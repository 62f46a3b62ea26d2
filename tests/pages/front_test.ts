import { testPages } from "./checks.ts";

testPages("README.md");
