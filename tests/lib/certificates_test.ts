import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import {
  invalidReason,
  readCa,
  readKeyPair,
  Reloaded,
} from "../../lib/certificates.ts";
import { UsageError } from "../../lib/flags.ts";
import { makeCertificates, openssl, renew } from "../util/certificates.ts";
import { CapturedLog } from "../util/captured_log.ts";

/** Reads a certificate and a key, with the flags of gRPC. */
const read = (cert: string, key: string) =>
  readKeyPair({ flag: "grpc.cert", path: cert }, {
    flag: "grpc.key",
    path: key,
  });

Deno.test("certificates: keys of all kinds match their certificates, whatever else the files hold", async () => {
  await using pair = await makeCertificates();
  const file = (name: string) => pair.key.replace("key.pem", name);
  const [key, cert] = [file("other.key"), file("other.pem")];
  const kinds = [
    ["genrsa", "-out", key, "2048"],
    ["genrsa", "-traditional", "-out", key, "2048"],
    // With a block of parameters before the key.
    ["ecparam", "-genkey", "-name", "prime256v1", "-out", key],
    ["ecparam", "-genkey", "-name", "secp384r1", "-noout", "-out", key],
    ["genpkey", "-algorithm", "ed25519", "-out", key],
  ];
  for (const kind of kinds) {
    await openssl(...kind);
    await openssl("req", "-x509", "-key", key, "-subj", "/CN=x", "-out", cert);
    const text = `A comment.\n${await Deno.readTextFile(cert)}`;
    await Deno.writeTextFile(cert, text);
    assertEquals(read(cert, key).cert, text, kind.join(" "));
    // Both may be in one file.
    await Deno.writeTextFile(cert, await Deno.readTextFile(key), {
      append: true,
    });
    assertEquals(read(cert, cert).cert, read(cert, cert).key);
    assertEquals(readCa({ flag: "etcd.ca", path: cert }), read(cert, key).cert);
  }
});

Deno.test("certificates: an error is one line with the file and the reason", async () => {
  await using one = await makeCertificates();
  await using other = await makeCertificates({ by: one });
  const file = (name: string) => one.key.replace("key.pem", name);
  const encrypted = file("encrypted.pem");
  await openssl(
    "pkey",
    "-in",
    one.key,
    "-aes128",
    "-passout",
    "pass:x",
    "-out",
    encrypted,
  );
  const old = file("old.pem");
  await openssl(
    "ec",
    "-in",
    one.key,
    "-aes128",
    "-passout",
    "pass:x",
    "-out",
    old,
  );
  const damaged = file("damaged.pem");
  await Deno.writeTextFile(
    damaged,
    ["CERTIFICATE", "PRIVATE KEY"].map((kind) =>
      `-----BEGIN ${kind}-----\nAAAA\n-----END ${kind}-----\n`
    ).join(""),
  );
  const isEncrypted = "is encrypted, and lainlet has no passphrase";
  const wrong: [cert: string, key: string, line: string][] = [
    [
      one.key,
      one.cert,
      `--grpc.cert: ${one.key} holds a private key and no certificate`,
    ],
    [
      one.cert,
      one.cert,
      `--grpc.key: ${one.cert} holds a certificate and no private key`,
    ],
    [
      one.cert,
      other.key,
      `--grpc.key: ${other.key} is not the key of the certificate in ${one.cert} (--grpc.cert)`,
    ],
    [one.cert, encrypted, `--grpc.key: ${encrypted} ${isEncrypted}`],
    [one.cert, old, `--grpc.key: ${old} ${isEncrypted}`],
    ["deno.json", one.key, "--grpc.cert: deno.json holds no certificate (PEM)"],
    [one.cert, "deno.json", "--grpc.key: deno.json holds no private key (PEM)"],
    [damaged, one.key, `--grpc.cert: ${damaged} holds a damaged certificate (`],
    [one.cert, damaged, `--grpc.key: ${damaged} holds a damaged private key (`],
    [
      one.cert,
      "/no/such",
      "--grpc.key: No such file or directory (os error 2)",
    ],
  ];
  for (const [cert, key, line] of wrong) {
    const { message } = assertThrows(() => read(cert, key), UsageError);
    assertStringIncludes(message, line);
    assertEquals(message.split("\n").length, 1);
  }
  assertThrows(
    () => readCa({ flag: "etcd.ca", path: one.key }),
    UsageError,
    `--etcd.ca: ${one.key} holds a private key and no certificate`,
  );
});

Deno.test("certificates: expired, and not valid yet", async () => {
  await using pair = await makeCertificates();
  const pem = await Deno.readTextFile(pair.cert);
  const day = 24 * 3_600_000;
  assertEquals(invalidReason(pem, Date.now()), undefined);
  assertStringIncludes(
    invalidReason(pem, Date.now() + 3 * day) ?? "",
    `expired on ${new Date(Date.now() + 2 * day).toISOString().slice(0, 10)}T`,
  );
  assertStringIncludes(
    invalidReason(pem, Date.now() - day) ?? "",
    `is not valid before ${new Date().toISOString().slice(0, 10)}T`,
  );
});

Deno.test("certificates: renewed files are used, unless only one of them is new", async () => {
  await using used = await makeCertificates();
  await using other = await makeCertificates();
  using logged = new CapturedLog();
  const files = new Reloaded(() => read(used.cert, used.key));
  const first = files.read();
  await Deno.copyFile(other.cert, used.cert);
  assertEquals([files.read(), files.read()], [first, first]);
  const [line = "", ...more] = logged.lines;
  assertStringIncludes(
    line,
    `${used.key} is not the key of the certificate in`,
  );
  assertEquals(more, []);
  await renew(used, other);
  assertEquals(files.read(), read(other.cert, other.key));
  await Deno.remove(used.cert);
  assertEquals(files.read(), read(other.cert, other.key));
  assertEquals(logged.lines.length, 2);
});
