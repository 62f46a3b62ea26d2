import { getLogger } from "@logtape/logtape";
import type { ApiFilesStatus, ApiFileStatus } from "../../stats/stats.ts";
import type { CustomEndpoint } from "../custom_endpoint.ts";
import { openapi } from "../openapi/document.ts";
import type { View } from "../view.ts";
import { faultOf, Faults } from "./faults.ts";
import { LOAD_TIMEOUT, LoadError, loadView } from "./load.ts";
import { checkTrusted, Untrusted } from "./trust.ts";

const log = getLogger(["lainlet", "apis"]);

/** How many files are used at most; each is a label of metrics. */
const MAX_FILES = 100;

/** Options of {@linkcode ApiFiles}. */
export interface ApiFilesOptions {
  readonly folder: string;
  readonly builtIn: readonly (View | CustomEndpoint)[];
  /** Wraps each view, to check its answers. */
  readonly wrap?: (view: View, faults: Faults) => View;
  /** How long a file may take to load, in ms. */
  readonly timeout?: number;
}

/** A file as it was loaded. */
interface Version {
  readonly view: View;
  readonly faults: Faults;
}

/** A file of the folder. */
interface ApiFile {
  readonly name: string;
  /** As it was read last. */
  text?: string;
  /** The last text, loaded; undefined if that failed. */
  newest?: Version;
  served?: Version;
  /** Why the last text is not served; "" if it is. */
  problem: string;
}

/**
 * The API files of a folder. A file that cannot be used is reported; the last
 * version of it that could be used is served on.
 */
export class ApiFiles implements ApiFilesStatus {
  #files: readonly ApiFile[] = [];
  #problem = "";
  #failures = 0;
  #reloading: Promise<void> = Promise.resolve();
  /** A reload that has not begun. */
  #waiting?: Promise<void>;

  constructor(private readonly options: ApiFilesOptions) {}

  get folder(): string {
    return this.options.folder;
  }

  get problem(): string {
    return this.#problem;
  }

  get failures(): number {
    return this.#failures;
  }

  /** The views that are served, in the order of the files' names. */
  get views(): readonly View[] {
    return this.#files.flatMap(({ served }) => served?.view ?? []);
  }

  get files(): readonly ApiFileStatus[] {
    return this.#files.map(({ name, problem, served }) => ({
      file: name,
      paths: served?.view.paths ?? [],
      status: served === undefined
        ? "failed"
        : problem === ""
        ? "served"
        : "outdated",
      reason: problem,
      rejections: served?.faults.rejections ?? 0,
      rejectedIn: (cluster) => served?.faults.rejectedIn(cluster) ?? [],
    }));
  }

  /** Reads the folder, and imports the files that have changed. Never rejects. */
  reload(): Promise<void> {
    return this.#waiting ??= this.#reloading = this.#reloading.then(() => {
      this.#waiting = undefined;
      return this.#reload();
    });
  }

  async #reload(): Promise<void> {
    try {
      const names = await this.#list();
      const known = new Map(this.#files.map((file) => [file.name, file]));
      this.#files = names.slice(0, MAX_FILES).map((name) =>
        known.get(name) ?? { name, problem: "" }
      );
      this.#problem = "";
      await Promise.all(this.#files.map((file) => this.#load(file)));
      if (names.length > MAX_FILES) {
        throw new Error(
          `it has ${names.length} files: only the first ${MAX_FILES} are used`,
        );
      }
    } catch (error) {
      this.#failures++;
      this.#problem = error instanceof Error ? error.message : String(error);
      log.error("the folder of API files cannot be used as it is", {
        folder: this.folder,
        reason: this.#problem,
      });
    }
    this.#admitAll();
    log.info("API files are loaded", {
      folder: this.folder,
      served: this.views.length,
      failed: this.#files.filter(({ problem }) => problem !== "").length,
    });
  }

  /** The names of the files, sorted. @throws {Error} when the folder cannot be used */
  async #list(): Promise<string[]> {
    const { folder } = this.options;
    await checkTrusted(folder);
    const names: string[] = [];
    for await (const { name } of Deno.readDir(folder)) {
      // Editors keep hidden copies and links.
      if (name.endsWith(".js") && !name.startsWith(".")) names.push(name);
    }
    return names.sort();
  }

  /** Imports a file, if it has changed since that was tried, or failed. */
  async #load(file: ApiFile): Promise<void> {
    const { timeout = LOAD_TIMEOUT, wrap = (view) => view } = this.options;
    const path = `${this.folder}/${file.name}`;
    file.problem = "";
    try {
      const { isFile } = await checkTrusted(path);
      if (!isFile) throw new LoadError("is not a file");
      const text = await Deno.readTextFile(path);
      if (text === file.text && file.newest !== undefined) return;
      file.newest = undefined;
      file.text = text;
      const faults = new Faults(file.name);
      const real = await Deno.realPath(path);
      const view = await loadView(real, faults, timeout);
      file.newest = { view: wrap(view, faults), faults };
    } catch (error) {
      file.newest = undefined;
      file.problem = error instanceof Error ? error.message : String(error);
      if (!(error instanceof LoadError || error instanceof Untrusted)) {
        file.problem = `cannot be read: ${file.problem}`;
      }
    }
  }

  /** Decides which version of each file is served; of two that have the same path, that of the first file. */
  #admitAll(): void {
    const { builtIn } = this.options;
    const views: View[] = [];
    // Checked together, as each check takes some ms. If one cannot be served, each is checked.
    const wanted = this.#files.flatMap(({ newest, served }) =>
      (newest ?? served)?.view ?? []
    );
    let areSchemasGood = schemaConflict([...builtIn, ...wanted]) === undefined;
    for (const file of this.#files) {
      const versions = new Set([file.newest, file.served]);
      file.served = undefined;
      for (const version of versions) {
        if (version === undefined || file.served !== undefined) continue;
        const others = [...builtIn, ...views];
        const conflict = pathConflict(version.view, others) ??
          (areSchemasGood
            ? undefined
            : schemaConflict([...others, version.view]));
        if (conflict === undefined) {
          file.served = version;
          views.push(version.view);
        } else {
          file.problem ||= conflict;
          areSchemasGood = false;
        }
      }
      if (file.problem === "") continue;
      this.#failures++;
      log.error(
        file.served === undefined
          ? "an API file cannot be used"
          : "an API file cannot be used, its last good version is served",
        { file: file.name, reason: file.problem },
      );
    }
  }
}

/** Why a view cannot be served beside others; undefined: it can. */
export function conflictOf(
  view: View,
  others: readonly (View | CustomEndpoint)[],
): string | undefined {
  return pathConflict(view, others) ?? schemaConflict([...others, view]);
}

function pathConflict(
  view: View,
  others: readonly (View | CustomEndpoint)[],
): string | undefined {
  for (const path of view.paths) {
    const other = others.find(({ paths }) => paths.includes(path));
    if (other === undefined) continue;
    const owner = "file" in other ? other.file : undefined;
    return `the path ${path} is taken by ${owner ?? "lainlet"}`;
  }
  if (new Set(view.paths).size < view.paths.length) {
    return "paths has a path twice";
  }
}

function schemaConflict(
  endpoints: readonly (View | CustomEndpoint)[],
): string | undefined {
  try {
    openapi(endpoints, "");
  } catch (thrown) {
    const { message } = faultOf(thrown, "");
    return message.replace(/^Error: /, "");
  }
}
