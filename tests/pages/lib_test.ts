import { testPages } from "./checks.ts";

testPages("CONTRIBUTING.md", "lib/README.md", "lib/store/README.md");
