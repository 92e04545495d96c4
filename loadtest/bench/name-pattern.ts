import { InvalidArgumentError } from "commander";

/** Reads an option by which names are chosen. */
export function namePattern(text: string): RegExp {
  try {
    return new RegExp(text);
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}
