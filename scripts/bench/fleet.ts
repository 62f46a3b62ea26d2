import type { Settings, Table } from "./table.ts";
export function fleet(_: Settings): Promise<Table> {
  return Promise.resolve({ head: [], rows: [] });
}
