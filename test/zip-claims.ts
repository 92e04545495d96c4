interface EntryClaim {
  readonly name: string;
  readonly size: number;
  readonly header: number;
  readonly checksum: number;
}

/** What is left out is true. */
interface DirectoryClaim {
  readonly entries?: number | undefined;
  readonly size?: number | undefined;
  readonly start?: number | undefined;
  readonly zip64: boolean;
}

/** A zip file of one entry of 600 bytes at its beginning, whose directory says what it is told to. */
export function zipOf(listed: readonly EntryClaim[], told: DirectoryClaim): Uint8Array {
  const local = Buffer.alloc(30 + 600);
  local.writeUInt32LE(0x04034b50);
  const directory = Buffer.concat(listed.map(listing));
  const start = told.start ?? local.length;
  const size = told.size ?? directory.length;
  const entries = told.entries ?? listed.length;
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50);
  end.writeUInt16LE(entries & 0xffff, 10);
  end.writeUInt32LE(size >>> 0, 12);
  end.writeUInt32LE(start >>> 0, 16);
  if (!told.zip64) return new Uint8Array(Buffer.concat([local, directory, end]));
  const record = Buffer.alloc(56);
  record.writeUInt32LE(0x06064b50);
  record.writeBigUInt64LE(BigInt.asUintN(64, BigInt(entries)), 32);
  record.writeBigUInt64LE(BigInt.asUintN(64, BigInt(size)), 40);
  record.writeBigUInt64LE(BigInt.asUintN(64, BigInt(start)), 48);
  const locator = Buffer.alloc(20);
  locator.writeUInt32LE(0x07064b50);
  locator.writeBigUInt64LE(BigInt(local.length + directory.length), 8);
  return new Uint8Array(Buffer.concat([local, directory, record, locator, end]));
}

function listing({ name, size, header, checksum }: EntryClaim): Buffer {
  const title = Buffer.from(name);
  const entry = Buffer.alloc(46);
  entry.writeUInt32LE(0x02014b50);
  entry.writeUInt32LE(checksum, 16);
  entry.writeUInt32LE(size, 20);
  entry.writeUInt32LE(size, 24);
  entry.writeUInt16LE(title.length, 28);
  entry.writeUInt32LE(header, 42);
  return Buffer.concat([entry, title]);
}
