export { seed } from "../lib/seed.ts"; // breaks plimsoll(import-table)
