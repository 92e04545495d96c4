import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";

const IMPORT = /(?<=\b(?:from|import) ?\(?")(\.{1,2}\/[^"]+)\.ts(?=")/g;

/**
 * Copies a declaration file and those it needs. The compiler makes one of every module, and leaves `.ts` in their imports,
 * which only who has the sources may write.
 */
export function copyDeclarations(from: string, entry: string, to: string): void {
  const needed = new Set([entry]);
  // A set hands out what is added while it is gone through.
  for (const file of needed) {
    const text = readFileSync(join(from, file), "utf8").replaceAll(IMPORT, (_, path: string) => {
      needed.add(normalize(join(dirname(file), `${path}.d.ts`)));
      return `${path}.js`;
    });
    mkdirSync(dirname(join(to, file)), { recursive: true });
    writeFileSync(join(to, file), text);
  }
}
