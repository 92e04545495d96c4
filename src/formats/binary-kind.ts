/** What a file of arrays begins with. */
export type BinaryKind = "torch" | "pickle" | "npy" | "safetensors";

/** What each is called, and how it becomes JSON. */
const NAMES: Readonly<Record<BinaryKind, string>> = {
  torch: "a PyTorch file (.pt); convert it with `convert --from sglang-recorder`",
  pickle: "a pickle, as torch.save wrote it before 1.6; save it again, then `convert --from sglang-recorder`",
  npy: "a .npy array; convert it with `convert --from npy`",
  safetensors: "a safetensors file; convert it with `convert --from safetensors`",
};

const ZIP = [0x50, 0x4b, 0x03, 0x04];
const NUMPY = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
const PICKLE_PROTO = 0x80;
const BRACE = 0x7b;
const SAFETENSORS_START = 8;

/** What the bytes are, as they begin; null for none of these, such as text. */
export function binaryKind(bytes: Uint8Array): BinaryKind | null {
  const begins = (magic: readonly number[]) => magic.every((byte, i) => bytes[i] === byte);
  if (begins(ZIP)) return "torch";
  if (begins(NUMPY)) return "npy";
  if (bytes[0] === PICKLE_PROTO) return "pickle";
  // A header's length, which is below 2^32, and its brace.
  const isHeader =
    bytes[SAFETENSORS_START] === BRACE && bytes.subarray(4, SAFETENSORS_START).every((byte) => byte === 0);
  return isHeader ? "safetensors" : null;
}

export function binaryHint(kind: BinaryKind): string {
  return NAMES[kind];
}
