import { InputError } from "../lib/errors.ts";

const ENTRY = 0x04034b50;
const DIRECTORY_ENTRY = 0x02014b50;
const END = 0x06054b50;
const END_64 = 0x06064b50;
const END_64_LOCATOR = 0x07064b50;

const END_BYTES = 22;
const END_64_BYTES = 56;
const LOCATOR_BYTES = 20;
const ENTRY_BYTES = 30;
const DIRECTORY_ENTRY_BYTES = 46;
const NAME = new TextDecoder();
/** What a 32-bit field says whose value stands in a zip64 record. */
const IN_ZIP_64 = 0xffff_ffff;

/**
 * Reads a zip file whose entries are stored uncompressed, as `torch.save` writes it: zip64 directories, but
 * no entry beyond 4 GiB. No two entries share bytes: together they are read once, however many there are.
 * @returns views into `bytes` by entry name
 * @throws InputError when the bytes are no such zip file, truncated or damaged
 */
export function readStoredZip(bytes: Uint8Array, source: string): Map<string, Uint8Array> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 4 || view.getUint32(0, true) !== ENTRY) {
    throw new InputError(source, "", "is not a zip file; expected what torch.save writes since torch 1.6");
  }
  const directory = findDirectory(view, source);
  const entries = new Map<string, Uint8Array>();
  let at = directory.start;
  let held = 0;
  for (let i = 0; i < directory.entries; i++) {
    const nameStart = at + DIRECTORY_ENTRY_BYTES;
    if (nameStart > directory.end || view.getUint32(at, true) !== DIRECTORY_ENTRY) throw damaged(source);
    const nameEnd = nameStart + view.getUint16(at + 28, true);
    if (nameEnd > directory.end) throw damaged(source);
    const name = NAME.decode(bytes.subarray(nameStart, nameEnd));
    const size = view.getUint32(at + 24, true);
    if (view.getUint16(at + 10, true) !== 0 || view.getUint32(at + 20, true) !== size) {
      throw new InputError(
        source,
        `entry ${name}`,
        "is compressed; expected the file as torch.save wrote it",
      );
    }
    const content = entryContent(bytes, view, view.getUint32(at + 42, true), size);
    if (content === null || entries.has(name)) throw damaged(source);
    held += size;
    if (held > bytes.length) {
      const hint = "shares its bytes with others; expected the file as torch.save wrote it";
      throw new InputError(source, `entry ${name}`, hint);
    }
    const checksum = view.getUint32(at + 16, true);
    // torch writes 0 where it was told to compute none.
    if (checksum !== 0 && crc32(content) !== checksum) {
      throw new InputError(source, `entry ${name}`, "does not match its checksum; copy the file again");
    }
    entries.set(name, content);
    at = nameEnd + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
  }
  return entries;
}

/** The bytes behind a local header; null where they are not all there, or in zip64 beyond 4 GiB. */
function entryContent(bytes: Uint8Array, view: DataView, header: number, size: number): Uint8Array | null {
  if (size === IN_ZIP_64 || header === IN_ZIP_64 || header + ENTRY_BYTES > bytes.length) return null;
  if (view.getUint32(header, true) !== ENTRY) return null;
  const start = header + ENTRY_BYTES + view.getUint16(header + 26, true) + view.getUint16(header + 28, true);
  return start + size <= bytes.length ? bytes.subarray(start, start + size) : null;
}

/** Where the directory of the entries lies, from the record at the file's very end (torch adds no comment). */
function findDirectory(view: DataView, source: string): { entries: number; start: number; end: number } {
  const end = view.byteLength - END_BYTES;
  if (end < 0 || view.getUint32(end, true) !== END) {
    throw new InputError(source, "", "has no zip directory at its end: the file is truncated; copy it again");
  }
  const locator = end - LOCATOR_BYTES;
  const isZip64 = locator >= 0 && view.getUint32(locator, true) === END_64_LOCATOR;
  const directory = isZip64 ? zip64Directory(view, locator) : zipDirectory(view, end);
  if (directory === null || directory.end > end) throw damaged(source);
  return directory;
}

function zipDirectory(view: DataView, end: number) {
  const start = view.getUint32(end + 16, true);
  return { entries: view.getUint16(end + 10, true), start, end: start + view.getUint32(end + 12, true) };
}

function zip64Directory(view: DataView, locator: number) {
  const record = Number(view.getBigUint64(locator + 8, true));
  if (record + END_64_BYTES > locator || view.getUint32(record, true) !== END_64) return null;
  const start = Number(view.getBigUint64(record + 48, true));
  return {
    entries: Number(view.getBigUint64(record + 32, true)),
    start,
    end: start + Number(view.getBigUint64(record + 40, true)),
  };
}

function damaged(source: string): InputError {
  return new InputError(source, "", "is a damaged zip file; copy it again");
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc;
});

/** CRC-32 as zip files use it (ISO 3309). */
function crc32(bytes: Uint8Array): number {
  const table = CRC_TABLE;
  let crc = 0xffff_ffff;
  for (let i = 0; i < bytes.length; i++) crc = (crc >>> 8) ^ table[(crc ^ bytes[i]) & 255];
  return ~crc >>> 0;
}
