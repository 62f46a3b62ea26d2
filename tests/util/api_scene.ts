import * as apis from "../../apis/mod.ts";
import { MemoryStore } from "../../lib/store/memory.ts";
import { ApiFiles, type ApiFilesOptions } from "../../lib/view/files/files.ts";
import { groupKey, groupValue } from "../../scripts/cluster.ts";
import { ApiFolder } from "./api_files.ts";
import { get, Stream } from "./client.ts";
import { exampleCluster, groupAt } from "./example.ts";
import { TestLainlet } from "./lainlet.ts";

/** The address of a container of the app `blog`. */
export const CONTAINER = "127.20.1.40";

/** A cluster of two apps, one of which has a container here. */
export const CLUSTER = {
  ...exampleCluster,
  [groupKey(groupAt(CONTAINER, "blog"))]: groupValue(
    groupAt(CONTAINER, "blog"),
  ),
  "/lain/config/ssl/key": "secret",
};

/** A lainlet with a folder of API files. */
export class ApiScene implements AsyncDisposable {
  private constructor(
    readonly folder: ApiFolder,
    readonly store: MemoryStore,
    readonly test: TestLainlet,
  ) {}

  static async set(
    files: Readonly<Record<string, string>>,
    options: Partial<ApiFilesOptions> = {},
  ): Promise<ApiScene> {
    const folder = await ApiFolder.make(files);
    const store = new MemoryStore(Object.entries(CLUSTER));
    const apiFiles = new ApiFiles({
      folder: folder.path,
      builtIn: Object.values(apis),
      ...options,
    });
    const test = await new TestLainlet(store, { apiFiles }).ready();
    await test.lainlet.reloadApis();
    return new ApiScene(folder, store, test);
  }

  /** Writes keys, and removes those that are null. */
  write(changes: Readonly<Record<string, string | null>>): void {
    this.store.commit(
      Object.entries(changes).map(([key, value]) =>
        value === null
          ? { key }
          : { key, value: new TextEncoder().encode(value) }
      ),
    );
  }

  /** Changes files, and reads them again. */
  async reload(files: Readonly<Record<string, string | null>>): Promise<void> {
    await this.folder.write(files);
    await this.test.lainlet.reloadApis();
  }

  async get(path: string, from?: string) {
    const { status, body, headers } = await get(this.test.url + path, from);
    return { status, body, headers };
  }

  async json(path: string, from?: string): Promise<unknown> {
    return JSON.parse((await this.get(path, from)).body);
  }

  stream(path: string, from?: string): Promise<Stream> {
    return Stream.open(this.test.url + path, from);
  }

  /** File, status and reason of each file, as `/debug` has them. */
  async statuses(): Promise<unknown[][]> {
    const { apis } = Object(await this.json("/debug"));
    return Array.from(
      Object(apis).files,
      (one) => [Object(one).file, Object(one).status, Object(one).reason],
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.test[Symbol.asyncDispose]();
    await this.folder[Symbol.asyncDispose]();
  }
}
