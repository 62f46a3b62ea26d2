import { assertEquals } from "@std/assert";
import { errorMessage } from "../../../lib/store/connection.ts";

Deno.test("error message: fetch's errors are the same each time", () => {
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
      "invalid peer certificate: UnknownIssuer",
    ],
    [
      `${at}client error (Connect): invalid peer certificate: Expired`,
      "invalid peer certificate: Expired",
    ],
    [
      "invalid peer certificate: certificate expired: verification time 1764000000 (UNIX), but not valid after 1763000000 (1000000 seconds ago)",
      "invalid peer certificate: certificate expired",
    ],
  ];
  for (const [said = "", expected] of cases) {
    const cause = new Error(said);
    assertEquals(
      errorMessage(new TypeError("fetch failed", { cause })),
      expected,
    );
    assertEquals(errorMessage(new TypeError(said)), expected);
  }
});

Deno.test("error message: never empty", () => {
  const nothing = "the connection could not be made";
  assertEquals(
    errorMessage(
      new Error(
        "14 UNAVAILABLE: No connection established. Last error: null. Resolution note: ",
      ),
    ),
    nothing,
  );
  for (const error of [null, undefined, "", new Error("")]) {
    assertEquals(errorMessage(error), nothing);
  }
});
