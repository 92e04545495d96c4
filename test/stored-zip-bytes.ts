import { crc32 } from "node:zlib";

/** What a zip file may get wrong. */
export interface ZipFaults {
  readonly method?: number;
  readonly checksum?: number;
  /** Write the directory's place into a zip64 record, as torch does beyond 65,535 entries. */
  readonly zip64?: true;
}

/** A zip file of uncompressed entries, put together byte by byte. */
export function storedZip(entries: ReadonlyMap<string, Uint8Array>, faults: ZipFaults = {}): Uint8Array {
  const local: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (const [name, content] of entries) {
    const title = Buffer.from(name);
    const facts = Buffer.alloc(26);
    facts.writeUInt16LE(faults.method ?? 0, 4);
    facts.writeUInt32LE(faults.checksum ?? crc32(content), 10);
    facts.writeUInt32LE(content.length, 14);
    facts.writeUInt32LE(content.length, 18);
    facts.writeUInt16LE(title.length, 22);
    const where = Buffer.alloc(14);
    where.writeUInt32LE(at, 10);
    local.push(Buffer.from("PK\u0003\u0004"), facts, title, Buffer.from(content));
    directory.push(Buffer.from("PK\u0001\u0002\0\0"), facts, where, title);
    at += 30 + title.length + content.length;
  }
  const listed = Buffer.concat(directory);
  return new Uint8Array(Buffer.concat([...local, listed, end(entries.size, listed.length, at, faults)]));
}

function end(entries: number, size: number, start: number, { zip64 }: ZipFaults): Buffer {
  const short = Buffer.alloc(18);
  short.writeUInt16LE(zip64 ? 0xffff : entries, 6);
  short.writeUInt32LE(zip64 ? 0xffff_ffff : size, 8);
  short.writeUInt32LE(zip64 ? 0xffff_ffff : start, 12);
  const last = Buffer.concat([Buffer.from("PK\u0005\u0006"), short]);
  if (!zip64) return last;
  const record = Buffer.alloc(52);
  record.writeBigUInt64LE(BigInt(entries), 28);
  record.writeBigUInt64LE(BigInt(size), 36);
  record.writeBigUInt64LE(BigInt(start), 44);
  const locator = Buffer.alloc(16);
  locator.writeBigUInt64LE(BigInt(start + size), 4);
  return Buffer.concat([Buffer.from("PK\u0006\u0006"), record, Buffer.from("PK\u0006\u0007"), locator, last]);
}
