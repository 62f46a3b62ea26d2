/**
 * The packages: what is in them, and whether it works when it is installed.
 *
 * @module
 */
import { validate } from "dockerfile-utils";
import { assert, assertEquals, assertMatch } from "@std/assert";
import config from "../../deno.json" with { type: "json" };
import { HELP, MANUAL } from "../../lib/cli/help.ts";
import { manPage } from "../../scripts/package/man.ts";
import { anchorsOf, linksOf, readPages, ROOT } from "../pages/pages.ts";
import { apiFile } from "../util/api_files.ts";
import { get } from "../util/client.ts";
import {
  DebianRoot,
  makePackages,
  NEWER_SETTINGS,
  run,
  verifyUnit,
} from "../util/debian.ts";
import { cluster } from "../util/golden.ts";
import { eventually, freePort, Program } from "../util/process.ts";

const { version } = config;
const FILES = new URL("../../scripts/package/", import.meta.url);

Deno.test("package: the .deb is installed, started as by the unit, queried and removed", async (t) => {
  const folder = await Deno.makeTempDir({ prefix: "lainlet-test-" });
  try {
    await Deno.chmod(folder, 0o755);
    const deb = await makePackages(folder);
    const root = await DebianRoot.make(`${folder}/root`);
    const file = (path: string) => root.file(path);

    await t.step("it is installed", async () => {
      await root.dpkg("--install", deb);
      const status = await root.dpkg("--status", "lainlet");
      assertMatch(status, /Status: install ok installed/);
      assertEquals(await root.dpkg("--verify", "lainlet"), "");
      assertEquals((await Deno.stat(file("usr/bin/lainlet"))).mode, 0o100755);
    });

    await t.step(
      "its pages have no dead links, and alerts name a place in one",
      async () => {
        const listed = await root.dpkg("--listfiles", "lainlet");
        await checkLinks(listed, "/usr/share/doc/lainlet/");
        const alerts = await Deno.readTextFile(
          file("usr/share/lainlet/monitoring/alerts.yml"),
        );
        const places = [...alerts.matchAll(/runbook: (.+)#(.+)/g)];
        assertEquals(places.length, alerts.match(/- alert: /g)?.length);
        for (const [, path = "", anchor = ""] of places) {
          const text = await Deno.readTextFile(file(path.slice(1)));
          const page = { path, text, blocks: [] };
          assert(anchorsOf(page).has(anchor), anchor);
        }
        JSON.parse(
          await Deno.readTextFile(
            file("usr/share/lainlet/monitoring/grafana.json"),
          ),
        );
      },
    );

    await t.step("the manual page names what it installs", async () => {
      const listed = await root.dpkg("--listfiles", "lainlet");
      const page = manPage(MANUAL, version, "2026-11-23").replaceAll(
        "\\-",
        "-",
      );
      for (const path of listed.split("\n")) {
        const { isFile } = await Deno.stat(file(path.slice(1)));
        const isFound = /^\/usr\/(bin|share\/(bash|fish|man|zsh))/.test(path);
        if (!isFile || isFound) continue;
        const names = path.split("/").map((_, i, all) =>
          all.slice(0, i).join("/")
        );
        assert(
          [...names, path].some((name) => page.includes(`.I ${name}\n`)),
          path,
        );
      }
    });

    await t.step("it is started as by the unit, and queried", async () => {
      const port = freePort();
      const store = `${folder}/cluster.json`;
      await Deno.writeTextFile(store, JSON.stringify(cluster));
      await Deno.writeTextFile(
        file("etc/default/lainlet"),
        `LAINLET_FLAGS=--web 127.0.0.1:${port} --store memory:${store}\n`,
      );
      const unit = await Deno.readTextFile(
        file("usr/lib/systemd/system/lainlet.service"),
      );
      const setting = (name: string) =>
        new RegExp(`^${name}=-?(.*)$`, "m").exec(unit)?.[1] ?? "";
      // Systemd takes a line of the file as it is, and splits the variable.
      const script = [
        `ulimit -n ${setting("LimitNOFILE")}`,
        `LAINLET_FLAGS=$(sed -n 's/^LAINLET_FLAGS=//p' ${root.path}${
          setting("EnvironmentFile")
        })`,
        `export ${setting("Environment")}`,
        `exec setpriv --no-new-privs ${root.path}${
          setting("ExecStart").replace("/etc/", `${root.path}/etc/`)
        }`,
      ].join("; ");
      await using lainlet = new Program("bash", ["-c", script]);
      await eventually(
        "it is ready",
        async () =>
          (await get(`http://127.0.0.1:${port}/readyz`)).status === 200 ||
          undefined,
      );
      const answer = await get(`http://127.0.0.1:${port}/version`);
      assertEquals(answer.body, version);
      const page = await get(`http://127.0.0.1:${port}/`);
      assertMatch(page.body, /<title>lainlet<\/title>/);
      const status = JSON.parse(
        await run(
          "bash",
          "-c",
          `${file("usr/bin/lainlet")} status -ojson --addr=:${port}`,
        ),
      );
      assertEquals(status.ready, true);
      // systemctl reload
      const apis = file("etc/lainlet/apis");
      assertEquals([...Deno.readDirSync(apis)], []);
      await Deno.writeTextFile(`${apis}/groups.js`, apiFile());
      await Deno.chmod(`${apis}/groups.js`, 0o644);
      const reload = setting("ExecReload").replace(
        "$MAINPID",
        `${lainlet.pid}`,
      );
      assertMatch(reload, /^\/bin\/kill -HUP \d+$/);
      await run("bash", "-c", reload);
      await eventually("its view is there", async () => {
        const path = "/v2/pods-per-group";
        const { status } = await get(`http://127.0.0.1:${port}${path}`);
        return status === 200 || undefined;
      });
      lainlet.signal("SIGTERM");
      assertEquals((await lainlet.ended()).code, 0);
    });

    await t.step("it completes, and has a manual page", async () => {
      for (
        const path of [
          "usr/share/bash-completion/completions/lainlet",
          "usr/share/fish/vendor_completions.d/lainlet.fish",
          "usr/share/zsh/vendor-completions/_lainlet",
        ]
      ) assertMatch(await Deno.readTextFile(file(path)), /__complete/);
      const names = await run(
        "bash",
        "-c",
        `${file("usr/bin/lainlet")} __complete watch webrouter/`,
      );
      assertMatch(names, /^webrouter\/webprocs/m);
      const page = await run(
        "man",
        "-l",
        file("usr/share/man/man8/lainlet.8.gz"),
      );
      assertMatch(page, /LAINLET\(8\)/);
      assertMatch(page, /--max\.listeners\.per\.address COUNT/);
    });

    await t.step("it is removed, and purged", async () => {
      // As systemd makes it for a user that there is not always.
      await Deno.mkdir(file("var/lib/private/lainlet"), { recursive: true });
      await Deno.writeTextFile(file("var/lib/private/lainlet/state"), "secret");
      await Deno.symlink("private/lainlet", file("var/lib/lainlet"));
      await root.dpkg("--remove", "lainlet");
      assertEquals(await root.exists("var/lib/lainlet/state"), true);
      assertEquals(await root.exists("usr/bin/lainlet"), false);
      assertEquals(await root.exists("usr/share/doc/lainlet"), false);
      // It is the operator's, until they say otherwise.
      assertEquals(await root.exists("etc/default/lainlet"), true);
      await root.dpkg("--purge", "lainlet");
      assertEquals(await root.exists("etc/default/lainlet"), false);
      assertEquals(await root.exists("var/lib/lainlet"), false);
      assertEquals(await root.exists("var/lib/private/lainlet"), false);
    });

    const line =
      /^lainlet is not started, .* LAINLET_ETCD=\S+ .*\/etc\/default\/lainlet.* systemctl enable --now lainlet$/m;
    const before = [
      "systemctl daemon-reload",
      "deb-systemd-helper unmask lainlet.service",
    ];
    const asked = "systemctl --quiet is-active lainlet.service";
    const enabled = "deb-systemd-helper enable lainlet.service";
    const restarted = "deb-systemd-invoke restart lainlet.service";

    await t.step(
      "where there is systemd, and no etcd is named, one line says what to do",
      async () => {
        const notes = await root.addSystemd(false);
        assertMatch(await root.dpkgWithSystemd("--install", deb), line);
        assertEquals(await notes(), [...before, asked]);
      },
    );

    /** What is said, and asked of systemd, after an operator wrote something. */
    const configure = async (
      defaults: string,
      isActive: boolean,
      isStarted = true,
    ) => {
      await Deno.writeTextFile(file("etc/default/lainlet"), defaults);
      const notes = await root.addSystemd(isActive, isStarted);
      const postinst = file("var/lib/dpkg/info/lainlet.postinst");
      const said = await run(
        "bash",
        "-c",
        'PATH=$1/bin:$PATH DPKG_ROOT=$1 "$2" configure 3.0.0-0',
        "-",
        root.path,
        postinst,
      );
      return { said, notes: await notes() };
    };

    await t.step("without a configured etcd it is not started", async () => {
      for (
        const defaults of [
          "",
          "LAINLET_ETCD=\nLAINLET_FLAGS=--ip 10.0.0.7\n",
          'LAINLET_ETCD=""\n',
          "#LAINLET_ETCD=10.0.0.1:2379\n# --etcd 10.0.0.1:2379\n",
          "LAINLET_FLAGS=--etcd.ca /etc/ca.pem\n",
        ]
      ) {
        const { said, notes } = await configure(defaults, false);
        assertMatch(said, line, defaults);
        assertEquals(notes, [...before, asked], defaults);
      }
    });

    await t.step(
      "with a configured etcd it is enabled and started",
      async () => {
        for (
          const defaults of [
            "LAINLET_ETCD=10.0.0.1:2379\n",
            ' LAINLET_ETCD="10.0.0.1:2379"\n',
            "LAINLET_FLAGS=--ip 10.0.0.7 --etcd 10.0.0.1:2379\n",
            "LAINLET_FLAGS=-etcd=10.0.0.1:2379\n",
            'LAINLET_FLAGS="--store memory:/srv/cluster.json"\n',
            "LAINLET_FLAGS=--ip 10.0.0.7 \\\n--etcd 10.0.0.1:2379\n",
          ]
        ) {
          const { said, notes } = await configure(defaults, false);
          assertEquals(said, "", defaults);
          assertEquals(notes, [...before, enabled, restarted], defaults);
        }
      },
    );

    await t.step(
      "a running service is restarted with the new version",
      async () => {
        const { said, notes } = await configure("", true);
        assertEquals(said, "");
        assertEquals(notes, [...before, asked, restarted]);
      },
    );

    await t.step(
      "one that does not start is a line, not a failure",
      async () => {
        const etcd = "LAINLET_ETCD=10.0.0.1:2379\n";
        const { said, notes } = await configure(etcd, false, false);
        assertMatch(
          said,
          /^lainlet did not start, .*systemctl status lainlet.*\n$/,
        );
        assertEquals(notes, [...before, enabled, restarted]);
      },
    );

    await t.step("the tarball has all that is needed elsewhere", async () => {
      const list = await run(
        "tar",
        "-tf",
        `${folder}/lainlet-${version}-linux-x86_64.tar.gz`,
      );
      for (
        const name of [
          "lainlet",
          "lainlet.service",
          "lainlet.8",
          "LICENSE",
          "monitoring/alerts.yml",
          "completions/_lainlet",
        ]
      ) assert(list.includes(`lainlet-${version}/${name}\n`), name);
      await checkLinks(list, `lainlet-${version}/`);
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

/** Checks that pages link to what is there: pages of a list of files, below a folder. */
async function checkLinks(listed: string, folder: string): Promise<void> {
  const files = new Set(listed.split("\n"));
  const pages = (await readPages())
    .filter(({ path }) => files.has(folder + path));
  assert(pages.some(({ path }) => path === "scripts/package/README.md"));
  for (const page of pages) {
    for (const to of linksOf(page)) {
      const { pathname, protocol } = new URL(to, new URL(page.path, ROOT));
      if (protocol !== "file:") continue;
      const path = pathname.slice(ROOT.pathname.length);
      assert(files.has(folder + path), `${page.path} links to ${to}`);
    }
  }
}

Deno.test("package: systemd takes the unit", async () => {
  assertMatch(await verifyUnit(), NEWER_SETTINGS);
});

Deno.test("package: an error is one line", async () => {
  const [task = "", ...flags] = config.tasks.package.command.split(" ");
  for (
    const [arg, line] of [
      ["more", /^package: unexpected argument "more" \(see [^\n]+\)\n$/],
      ["--nope", /^package: unknown flag --nope \(see [^\n]+\)\n$/],
      [
        "--binary=/nowhere",
        /^package: [^\n]*No such file[^\n]*\/nowhere[^\n]*\n$/,
      ],
    ] as const
  ) {
    await using program = new Program(task, [...flags, arg]);
    assertEquals((await program.ended()).code, 2);
    assertMatch(program.stderr, line);
  }
});

Deno.test("package: the manual page says all that the help text says, in good roff", async () => {
  const page = manPage(MANUAL, version, "2026-11-23");
  const file = await Deno.makeTempFile({ suffix: ".8" });
  try {
    await Deno.writeTextFile(file, page);
    assertEquals(await run("mandoc", "-T", "lint", "-W", "warning", file), "");
  } finally {
    await Deno.remove(file);
  }
  const said = page.replaceAll("\\-", "-").replaceAll("\\&", "")
    .replace(/^\.\S+ ?/gm, "").replace(/\s+/g, " ");
  for (const line of HELP.split("\n")) {
    if (
      /^(Usage|Examples|Logging|\s*$)/.test(line) ||
      /^\S*:$/.test(line)
    ) continue;
    for (const part of line.trim().split(/ {2,}/)) {
      assert(said.includes(part.replace(/:$/, "")), part);
    }
  }
});

Deno.test("package: the manual page names each variable that is read", () => {
  const page = manPage(MANUAL, version, "2026-11-23");
  const [, names = ""] = /--allow-env=(\S+)/.exec(config.tasks.start.command) ??
    [];
  const [, section = ""] = /^\.SH ENVIRONMENT\n([^]+?)^\.SH /m.exec(page) ?? [];
  for (const name of names.split(",")) {
    assert(section.includes(`.B ${name}\n`), name);
  }
});

Deno.test("package: the Dockerfile is without errors, and takes the tarball as it is called", async () => {
  const text = await Deno.readTextFile(new URL("Dockerfile", FILES));
  const problems = validate(text);
  assertEquals(problems, []);
  assertMatch(text, /^ADD lainlet-\$\{VERSION\}-linux-x86_64\.tar\.gz /m);
  assertMatch(text, /^USER 65534:65534$/m);
  assertMatch(text, /^# NOT BUILT/);
});
