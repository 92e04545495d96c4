import { ENGINE_KINDS, type FirstConfig, isEngineKind } from "../config/first-config.ts";
import { InputError } from "../lib/errors.ts";

/** A person who answers. */
export interface Questions {
  ask(text: string): Promise<string>;
}

type Answers = Pick<FirstConfig, "kind" | "urls" | "models">;

/** What options have said already; null for what they have not. */
type Given = { readonly [Key in keyof Answers]: Answers[Key] | null };

/** How long a server's list of models is waited for. */
const LIST_MS = 2000;

/**
 * Asks what the options have not said: three questions at most.
 * @param questions null where nobody can be asked
 * @throws InputError naming the options that are missing where nobody can be asked
 */
export async function askFirstConfig(given: Given, questions: Questions | null): Promise<Answers> {
  if (questions === null) {
    const { kind, urls, models } = given;
    if (kind !== null && urls !== null && models !== null) return { kind, urls, models };
    const missing = [
      kind === null ? "--engine" : null,
      urls === null ? "--url" : null,
      models === null ? "--model" : null,
    ].filter((one) => one !== null);
    throw new InputError(
      missing.join(", "),
      "",
      `${missing.length === 1 ? "is" : "are"} missing, and without a terminal nobody can be asked`,
    );
  }
  const kind = given.kind ?? (await askEngine(questions));
  const urls =
    given.urls ??
    words(await answerOr(questions, "Their URLs, with blanks between", "http://127.0.0.1:8000"));
  const models = given.models ?? words(await askModels(questions, urls));
  return { kind, urls, models };
}

async function askEngine(questions: Questions): Promise<FirstConfig["kind"]> {
  for (;;) {
    const answer = await answerOr(questions, `What do your servers run (${ENGINE_KINDS.join(", ")})`, "vllm");
    if (isEngineKind(answer)) return answer;
  }
}

/** What the first server lists is what is meant, most of the time. */
async function askModels(questions: Questions, urls: readonly string[]): Promise<string> {
  const listed = urls.length === 0 ? null : await firstListed(urls[0]);
  for (;;) {
    const answer = await answerOr(questions, "The model, by the name that clients ask for", listed);
    if (answer !== "") return answer;
  }
}

async function answerOr(questions: Questions, text: string, usual: string | null): Promise<string> {
  const answer = (await questions.ask(`${text}${usual === null ? "" : ` [${usual}]`}: `)).trim();
  return answer === "" ? (usual ?? "") : answer;
}

function words(text: string): string[] {
  return text.split(/[\s,]+/).filter((word) => word !== "");
}

/** Null for a server that does not answer, or lists nothing. */
async function firstListed(url: string): Promise<string | null> {
  try {
    const base = url.replace(/\/+$/, "").replace(/\/v1$/, "");
    const response = await fetch(`${base}/v1/models`, { signal: AbortSignal.timeout(LIST_MS) });
    const { data } = (await response.json()) as { data?: readonly { id?: unknown }[] };
    const id = data?.[0]?.id;
    return typeof id === "string" && /^[\w./:@-]+$/.test(id) ? id : null;
  } catch {
    return null;
  }
}
