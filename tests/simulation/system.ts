import process from "node:process";

const REAL = {
  connectTls: Deno.connectTls,
  createHttpClient: Deno.createHttpClient,
  memoryUsage: Deno.memoryUsage,
};
const { cpuUsage } = process;

const NO_MEMORY = { rss: 0, heapTotal: 0, heapUsed: 0, external: 0 };
const NO_TIME = { user: 0, system: 0 };

/**
 * Replaces the rest of the system by constants: the resources that the process
 * uses, and that no member speaks TLS.
 *
 * @returns restores it
 */
export function simulateSystem(): () => void {
  Object.assign(Deno, {
    connectTls: () => Promise.reject(new Deno.errors.ConnectionRefused()),
    createHttpClient: () => ({ close() {}, [Symbol.dispose]() {} }),
    memoryUsage: () => NO_MEMORY,
  });
  process.cpuUsage = () => NO_TIME;
  return () => {
    Object.assign(Deno, REAL);
    process.cpuUsage = cpuUsage;
  };
}
