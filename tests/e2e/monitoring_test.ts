import { assert, assertEquals, assertMatch } from "@std/assert";
import { MemoryStore } from "../../lib/store/memory.ts";
import { anchorsOf, readPages, ROOT } from "../pages/pages.ts";
import { get } from "../util/client.ts";
import { cluster } from "../util/golden.ts";
import { TestLainlet } from "../util/lainlet.ts";
import { eventually } from "../util/process.ts";
import { TestPrometheus } from "../util/prometheus.ts";

const ALERTS =
  `${import.meta.dirname}/../../scripts/package/monitoring/alerts.yml`;
const CASES = `${import.meta.dirname}/../scripts/alerts.yml`;

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly gridPos: Readonly<Record<"x" | "y" | "w" | "h", number>>;
  readonly targets?: readonly { readonly expr: string }[];
}

interface Rule {
  readonly name: string;
  readonly query: string;
  readonly health: string;
  readonly lastError?: string;
  readonly annotations: Readonly<Record<string, string>>;
}

async function readPanels(): Promise<readonly Panel[]> {
  const { panels } = JSON.parse(
    await Deno.readTextFile(
      new URL("scripts/package/monitoring/grafana.json", ROOT),
    ),
  );
  return panels;
}

async function promtool(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command("promtool", { args })
    .output();
  const said = new TextDecoder().decode(stdout) +
    new TextDecoder().decode(stderr);
  assertEquals(code, 0, said);
  return said;
}

/** What a panel asks when nothing was chosen. */
function chosen(expression: string): string {
  return expression.replace(/\$(cluster|instance)\b/g, ".*")
    .replaceAll("$__rate_interval", "1m");
}

/** Two lainlets of two clusters, on nodes of the same name. */
async function scrape(east: TestLainlet, west: TestLainlet) {
  const target = (cluster: string, { url }: TestLainlet) => `
      - targets: ["${new URL(url).host}"]
        labels: { cluster: ${cluster}, instance: node1 }`;
  return await TestPrometheus.start(`
global: { scrape_interval: 1s, evaluation_interval: 1s }
rule_files: ["${ALERTS}"]
scrape_configs:
  - job_name: lainlet
    static_configs:${target("east", east)}${target("west", west)}
`);
}

Deno.test("monitoring: each alert fires when it should, for the right cluster", async () => {
  const alerts = await Deno.readTextFile(ALERTS);
  const names = [...alerts.matchAll(/- alert: (\w+)/g)]
    .map(([, name = ""]) => name);
  assertMatch(
    await promtool("check", "rules", ALERTS),
    new RegExp(`${names.length} rules found`),
  );
  await promtool("test", "rules", CASES);
  const cases = await Deno.readTextFile(CASES);
  for (const name of names) {
    const raised = new RegExp(
      `alertname="${name}", alertstate="firing"|alertname: ${name}\n.*\n +exp_alerts:\n`,
    );
    assertMatch(cases, raised);
  }
});

Deno.test("monitoring: the dashboard's panels say what they show, and none lies on another", async () => {
  const panels = await readPanels();
  assertEquals(new Set(panels.map(({ id }) => id)).size, panels.length);
  const taken = new Map<string, string>();
  for (const { description, gridPos, targets, title, type } of panels) {
    assert(type === "row" || (description ?? "").length > 20, title);
    assertEquals(type === "row", targets === undefined, title);
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
      assert(x < 24, title);
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
        const other = taken.get(`${x} ${y}`);
        assert(other === undefined, `${title} lies on ${other}`);
        taken.set(`${x} ${y}`, title);
      }
    }
  }
});

Deno.test("monitoring: the queries of the alerts and the dashboard work for two clusters", async () => {
  await using stack = new AsyncDisposableStack();
  const lainlet = () =>
    new TestLainlet(new MemoryStore(Object.entries(cluster))).ready();
  const east = await lainlet();
  const west = stack.use(await lainlet());
  const { body } = await get(`${west.url}/metrics`);
  const prometheus = stack.use(await scrape(east, west));
  const up = (value: string) =>
    eventually(`east is ${value}`, async () => {
      const samples = await prometheus.query('up{cluster="east"}');
      return samples[0]?.value[1] === value || undefined;
    });
  try {
    await up("1");
  } finally {
    await east[Symbol.asyncDispose]();
  }
  await up("0");

  const panels = await readPanels();
  // A rate is there when west was scraped twice.
  await eventually("the panels show both clusters", async () => {
    const shown = new Map<string, readonly string[]>();
    for (const { targets = [], title, type } of panels) {
      for (const { expr } of targets) {
        const samples = await prometheus.query(chosen(expr));
        shown.set(title, samples.map(({ metric }) => metric.cluster ?? ""));
        if (type === "stat") assertEquals(samples.length, 1, title);
      }
    }
    assertEquals(shown.get("Unreachable lainlets"), ["east"]);
    assertEquals(shown.get("Most memory"), ["west"]);
    return true;
  });

  const rules = await eventually("the rules were tried", async () => {
    const { groups } = Object(await prometheus.api("rules"));
    const rules: Rule[] = groups.flatMap(({ rules }: { rules: Rule[] }) =>
      rules
    );
    return rules.every(({ health }) => health !== "unknown")
      ? rules
      : undefined;
  });
  const pages = new Map((await readPages()).map((page) => [page.path, page]));
  for (const { annotations, health, lastError, name } of rules) {
    assertEquals(health, "ok", `${name}: ${lastError}`);
    const [, path = "", anchor = ""] =
      /^\/usr\/share\/doc\/lainlet\/(.+)#(.+)$/.exec(
        annotations.runbook ?? "",
      ) ?? [];
    const page = pages.get(path);
    assert(page !== undefined && anchorsOf(page).has(anchor), name);
    assert(page.text.includes(`\`${name}\``), `${path} names no ${name}`);
  }

  const known = new Set(
    [...body.matchAll(/^# TYPE (\S+) /gm)].map(([, name = ""]) => name),
  );
  const asked = [
    ...panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)),
    ...rules.map(({ query }) => query),
  ].join("\n").match(/\b(?:lainlet|process)_\w+/g) ?? [];
  const unknown = asked.filter((name) =>
    !known.has(name.replace(/_(bucket|count|sum)$/, ""))
  );
  assertEquals(new Set(unknown), new Set());
});
