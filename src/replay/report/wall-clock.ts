/** As `vllm bench serve` writes its `date`, in local time: 20261130-215045. */
export function stamp(epochMs: number): string {
  const date = new Date(epochMs);
  const two = (n: number): string => `${n}`.padStart(2, "0");
  const day = `${date.getFullYear()}${two(date.getMonth() + 1)}${two(date.getDate())}`;
  return `${day}-${two(date.getHours())}${two(date.getMinutes())}${two(date.getSeconds())}`;
}
