import type { Rng } from "../../src/lib/rng.ts";

const LINE = "\r\n";

/** Up to two answers of a server, one after the other, as bytes: mostly sound, sometimes broken somewhere. */
export function madeUpAnswers(rng: Rng): Buffer[] {
  return Array.from({ length: 1 + rng.below(2) }, () => {
    const sound = answer(rng);
    const bytes = Buffer.from(sound, "latin1");
    const broken = rng.below(10);
    if (broken === 0) return bytes.subarray(0, rng.below(bytes.length + 1));
    if (broken === 1) return changed(bytes, rng);
    return broken === 2 ? Buffer.concat([bytes, Buffer.from(answer(rng), "latin1")]) : bytes;
  });
}

/** The bytes in up to six pieces; what is small is often cut between any two bytes. */
export function pieces(bytes: Buffer, rng: Rng): Buffer[] {
  const cuts = Array.from({ length: rng.below(6) }, () => rng.below(bytes.length + 1));
  const at = [0, ...cuts, bytes.length].toSorted((a, b) => a - b);
  return at.slice(1).flatMap((end, i) => (end > at[i] ? [bytes.subarray(at[i], end)] : []));
}

function changed(bytes: Buffer, rng: Rng): Buffer {
  const copy = Buffer.from(bytes);
  copy[rng.below(copy.length)] =
    rng.below(3) === 0 ? rng.below(256) : "\r\n 0;:aF"[rng.below(8)].charCodeAt(0);
  return copy;
}

function answer(rng: Rng): string {
  const hints = rng.below(8) === 0 ? `HTTP/1.1 103 Early Hints${LINE}link: </x>${LINE}${LINE}` : "";
  const version = rng.below(12) === 0 ? "1.0" : "1.1";
  const status = [200, 200, 200, 404, 500, 204, 304][rng.below(7)];
  const headers = [`content-type: ${["application/json", "text/event-stream"][rng.below(2)]}`];
  if (rng.below(6) === 0) headers.push(`connection: ${["close", "keep-alive", "Close"][rng.below(3)]}`);
  if (rng.below(8) === 0) headers.push(`x-${"long".repeat(rng.below(40))}: ${"v".repeat(rng.below(300))}`);
  const kind = rng.below(12);
  let body = text(rng, 200);
  if (kind < 9) {
    headers.push(`${["transfer-encoding", "Transfer-Encoding"][rng.below(2)]}: ${coding(rng)}`);
    if (rng.below(20) === 0) headers.push(`content-length: ${body.length}`);
    body = chunks(rng);
  } else if (kind < 11)
    headers.push(`content-length: ${body.length + (rng.below(8) === 0 ? rng.below(5) - 2 : 0)}`);
  return `${hints}HTTP/${version} ${status} Said${LINE}${headers.join(LINE)}${LINE}${LINE}${body}`;
}

function coding(rng: Rng): string {
  return rng.below(12) === 0
    ? ["gzip, chunked", "identity", "chunked, gzip", "chunked,", "x"][rng.below(5)]
    : ["chunked", "Chunked"][rng.below(8) === 0 ? 1 : 0];
}

function chunks(rng: Rng): string {
  const all = Array.from({ length: rng.below(8) }, () => chunk(rng));
  const last = ["0", "0", "0", "000", "0;last=1", ""][rng.below(6)];
  const trailers = rng.below(6) === 0 ? `x-checked: yes${LINE}` : "";
  return `${all.join("")}${last}${last === "" ? "" : LINE}${trailers}${LINE}`;
}

function chunk(rng: Rng): string {
  const data = text(rng, [1, 4, 40, 400, 70_000][rng.below(40) === 0 ? 4 : rng.below(4)]) || "x";
  const size = data.length.toString(16);
  const odd = rng.below(40);
  const written =
    odd < 4
      ? [size.toUpperCase(), `0${size}`, `${"0".repeat(rng.below(18))}${size}`, `${size};ext="a b"`][odd]
      : odd === 4
        ? [`${size} `, ` ${size}`, `-${size}`, `0x${size}`, "", "fffffffff", "ffffffffffffffffff"][
            rng.below(7)
          ]
        : size;
  const sizeEnd = rng.below(60) === 0 ? ["\n", "\r", "\r\r\n", ""][rng.below(4)] : LINE;
  const dataEnd = rng.below(60) === 0 ? ["\n", "\r", "x\r\n", "\n\r", ""][rng.below(5)] : LINE;
  return `${written}${sizeEnd}${data}${dataEnd}`;
}

function text(rng: Rng, most: number): string {
  const words = ["data: ", '{"a":1}', "\n\n", "\r\n", "0\r\n\r\n", "x", "\r\n\r\n", "é", "5\r\n"];
  let made = "";
  const length = rng.below(most + 1);
  while (made.length < length) made += words[rng.below(words.length)];
  return made.slice(0, length);
}
