import { execFile } from "node:child_process";
import { readFile, rename } from "node:fs/promises";
import { promisify } from "node:util";
import type { ScratchFolder } from "./scratch-folder.ts";

const run = promisify(execFile);
const KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
/** Longer than what is said to expire soon. */
const DAYS = 60;

/** A certificate with its key, as files and as text. */
export interface Certificate {
  readonly certFile: string;
  readonly keyFile: string;
  readonly cert: string;
  readonly key: string;
}

/** Signs certificates for tests. */
export interface Authority {
  readonly caFile: string;
  readonly ca: string;
  /**
   * A new certificate for this machine's names.
   * @param name its subject, and that of its files
   * @param days that it is good for
   */
  issue(name: string, days?: number): Promise<Certificate>;
}

/** A new authority, by openssl. */
export async function certificateAuthority(folder: ScratchFolder, name: string): Promise<Authority> {
  const [caFile, caKey] = [folder.path(`${name}.pem`), folder.path(`${name}.key`)];
  await run("openssl", [
    "req",
    "-x509",
    ...KEY,
    "-days",
    `${DAYS}`,
    "-subj",
    `/CN=${name}`,
    "-keyout",
    caKey,
    "-out",
    caFile,
  ]);
  return {
    caFile,
    ca: await readFile(caFile, "utf8"),
    async issue(subject, days = DAYS) {
      const [certFile, keyFile] = [folder.path(`${subject}.pem`), folder.path(`${subject}.key`)];
      const names = "subjectAltName=DNS:localhost,IP:127.0.0.1";
      const signed = [
        "-CA",
        caFile,
        "-CAkey",
        caKey,
        "-addext",
        names,
        "-addext",
        "basicConstraints=CA:FALSE",
      ];
      const files = ["-keyout", keyFile, "-out", certFile];
      await run("openssl", [
        "req",
        "-x509",
        ...KEY,
        "-days",
        `${days}`,
        "-subj",
        `/CN=${subject}`,
        ...signed,
        ...files,
      ]);
      return {
        certFile,
        keyFile,
        cert: await readFile(certFile, "utf8"),
        key: await readFile(keyFile, "utf8"),
      };
    },
  };
}

/** Puts one certificate in the place of another, file by file, each in one step. */
export async function replaceCertificate(
  place: Certificate,
  by: Certificate,
  folder: ScratchFolder,
): Promise<void> {
  for (const [path, text] of [
    [place.certFile, by.cert],
    [place.keyFile, by.key],
  ] as const)
    await rename(await folder.write("next.pem", text), path);
}
