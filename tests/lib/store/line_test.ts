import { assertEquals } from "@std/assert";
import { lineOf } from "../../../lib/store/line.ts";

Deno.test("line: what fetch says is the same each time, and says what to do", () => {
  const at =
    "error sending request from 127.0.0.1:46852 for https://127.0.0.1:2379/v2/keys/ (127.0.0.1:2379): ";
  const cases = [
    [
      "error sending request for url (http://127.0.0.1:2379/): client error (Connect): tcp connect error: Connection refused (os error 111)",
      "tcp connect error: Connection refused (os error 111)",
    ],
    [
      `${at}client error (SendRequest): connection closed before message completed`,
      "connection closed before message completed",
    ],
    [
      `${at}client error (Connect): invalid peer certificate: UnknownIssuer`,
      "etcd's certificate is not signed by the CA in --etcd.ca (invalid peer certificate: UnknownIssuer)",
    ],
    [
      `${at}client error (Connect): invalid peer certificate: Expired`,
      "etcd's certificate has expired (invalid peer certificate: Expired)",
    ],
    [
      "invalid peer certificate: certificate expired: verification time 1764000000 (UNIX), but not valid after 1763000000 (1000000 seconds ago)",
      "etcd's certificate has expired (invalid peer certificate: certificate expired)",
    ],
    [
      "received fatal alert: BadCertificate",
      "etcd refuses the certificate in --etcd.cert (received fatal alert: BadCertificate)",
    ],
  ];
  for (const [said = "", expected] of cases) {
    const cause = new Error(said);
    assertEquals(lineOf(new TypeError("fetch failed", { cause })), expected);
    assertEquals(lineOf(new TypeError(said)), expected);
  }
});
