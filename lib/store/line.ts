/** What TLS says, and what that means to an operator. */
const TLS_ERRORS: readonly (readonly [said: RegExp, meaning: string])[] = [
  [
    /unable to verify|self.signed certificate|unable to get|UnknownIssuer|BadSignature/i,
    "etcd's certificate is not signed by the CA in --etcd.ca",
  ],
  [
    /certificate (has )?expired|certificate: Expired/i,
    "etcd's certificate has expired",
  ],
  [
    /alert: \w*(Certificate|UnknownCA|AccessDenied)/i,
    "etcd refuses the certificate in --etcd.cert",
  ],
];

/**
 * What went wrong, as one line that is the same when the same goes wrong
 * again: without what gRPC and `fetch` put before and after it.
 */
export function lineOf(error: unknown): string {
  // Since Deno 2.9, what `fetch` throws says nothing itself.
  const said = error instanceof TypeError && error.cause ? error.cause : error;
  const text = (said instanceof Error ? said.message : String(said))
    .replace(
      /^error sending request .+?: (client error \(\w+\): |(?=\w+ error))/,
      "",
    )
    .replace(/(certificate expired): .*/, "$1")
    .replace(/^\d+ [A-Z_]+: /, "")
    .replace(/^No connection established\. Last error: (Error: )?/, "")
    .replace(/ \(\d{4}-\d\d-\d\dT[\d:.]+Z\)/g, "")
    .replace(/\.?\s*(Resolution note:\s*)?$/, "")
    .replace(/\s+/g, " ");
  const [, meaning] = TLS_ERRORS.find(([said]) => said.test(text)) ?? [];
  return meaning === undefined || text.includes(meaning)
    ? text
    : `${meaning} (${text})`;
}
