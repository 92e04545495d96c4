/** Two hexadecimal digits for each byte. */
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** 16 random bytes in hexadecimal digits. */
export function newTraceId(): string {
  return eightBytes() + newSpanId();
}

/** Eight random bytes in hexadecimal digits, never all zero. */
export function newSpanId(): string {
  let id = eightBytes();
  while (id === "0000000000000000") id = eightBytes();
  return id;
}

function eightBytes(): string {
  return fourBytes() + fourBytes();
}

function fourBytes(): string {
  const word = (Math.random() * 2 ** 32) >>> 0;
  return HEX[word >>> 24] + HEX[(word >>> 16) & 255] + HEX[(word >>> 8) & 255] + HEX[word & 255];
}
