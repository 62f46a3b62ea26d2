/**
 * The least that a server on Deno can be: what lainlet's memory is measured
 * beside.
 *
 *     deno run --allow-net=127.0.0.1 scripts/bench/bare.ts PORT
 *
 * @module
 */
Deno.serve(
  { hostname: "127.0.0.1", port: Number(Deno.args[0]), onListen: () => {} },
  () => new Response("ok"),
);
