import { assertEquals } from "@std/assert";
import { variableOf, withoutSecrets } from "../../../lib/model/environment.ts";

Deno.test("environment: names and values that look like secrets are secrets", () => {
  const secrets = [
    "DB_PASSWORD=x",
    "MYSQLPASSWORD=x",
    "mysql_pass=x",
    "apiKey=x",
    "API_KEY=x",
    "AWS_SECRET_ACCESS_KEY=x",
    "GITHUB_TOKEN=x=y",
    "SESSION_SALT=x",
    "SENTRY_DSN=x",
    "DATABASE_URL=mysql://app:letmein@db.lain:3306/shop",
    "CACHE=redis://:letmein@redis.lain",
    "TLS=-----BEGIN RSA PRIVATE KEY-----\nMIIE",
  ];
  const others = [
    "LAIN_APPNAME=shop",
    "PWD=/app",
    "MONKEY=1",
    "COMPASS=north",
    "KEYBOARD=us",
    "AUTHOR=me",
    "DATABASE_URL=mysql://db.lain:3306/shop",
    "DB_PASSWORD=",
    "PATH",
    "",
  ];
  assertEquals(secrets.filter((line) => !variableOf(line).isSecret), []);
  assertEquals(others.filter((line) => variableOf(line).isSecret), []);
  assertEquals(variableOf("A_TOKEN=x=y"), {
    name: "A_TOKEN",
    value: "x=y",
    isSecret: true,
  });
});

Deno.test("environment: only secret variables are replaced, at any depth", () => {
  const value = (password: string) => ({
    Annotation: "password=x",
    PodInfos: [{
      ContainerInfos: [{ Env: ["A=1", `DB_PASSWORD=${password}`], Cpu: 1 }],
    }],
  });
  assertEquals(withoutSecrets(value("letmein")), value("(secret)"));
  const change = (password: string) => [
    { path: ["Spec", "Env", 0], before: `DB_PASSWORD=${password}` },
    { path: ["Spec", "Env"], after: [`DB_PASSWORD=${password}`] },
    { path: ["Annotation"], after: "DB_PASSWORD=x" },
  ];
  assertEquals(withoutSecrets(change("letmein")), change("(secret)"));
  assertEquals(withoutSecrets("DB_PASSWORD=x", true), "DB_PASSWORD=(secret)");
  assertEquals(withoutSecrets("DB_PASSWORD=x"), "DB_PASSWORD=x");
  assertEquals(withoutSecrets(null), null);
});
