import type { Settings, Table } from "./table.ts";
export function changes(_: Settings): Promise<Table> {
  return Promise.resolve({ head: [], rows: [] });
}
