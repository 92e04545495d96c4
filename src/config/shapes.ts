import { readdir } from "node:fs/promises";
import type { MoeModel } from "../model/moe-model.ts";
import { nearestWord } from "../lib/edit-distance.ts";
import { readModel } from "./models/read-model.ts";
import { type Place, faultAt } from "./place.ts";
import { readYamlFile } from "./yaml-file.ts";
import { packageFile } from "../files/package-files.ts";

const SHIPPED = packageFile("config/models/");

/**
 * The shape of a model.
 * @param name  a file of config/models without its ending, or a path that ends in `.yaml`
 * @param place where the name is written, for messages
 * @throws InputError
 */
export async function loadModel(name: string, place: Place = namedBy(name)): Promise<MoeModel> {
  const file = await readYamlFile(await modelPath(name, place));
  return readModel(file.value, file.sourceOf);
}

/** Every model of config/models, by name. */
export async function shippedModels(): Promise<MoeModel[]> {
  return Promise.all((await shippedNames()).map((name) => loadModel(name)));
}

/** The shape of the model that config/models has under the name, or null. */
export async function findModel(name: string): Promise<MoeModel | null> {
  return (await shippedNames()).includes(name) ? loadModel(name) : null;
}

/** Where the name of a shipped model, or a path, leads. */
async function modelPath(name: string, place: Place): Promise<string> {
  const path = shapePath(name);
  if (path === name) return path;
  const shipped = await shippedNames();
  if (shipped.includes(name)) return path;
  if (name.endsWith(".json")) {
    const hint = `is ${JSON.stringify(name)}; make a model's file of it: plimsoll models import ${name} --out model.yaml`;
    throw faultAt(place, hint);
  }
  const near = namesLike(name, shipped);
  const meant =
    near.length === 0 ? `config/models has ${shipped.join(", ")}` : `did you mean ${near.join(" or ")}?`;
  throw faultAt(
    place,
    `is ${JSON.stringify(name)}; expected a model's name, or a file that ends in .yaml: ${meant}`,
  );
}

function namedBy(name: string): Place {
  return { sourceOf: () => name, field: ["model"] };
}

async function shippedNames(): Promise<readonly string[]> {
  const files = await readdir(SHIPPED);
  return files.flatMap((file) => (file.endsWith(".yaml") ? [file.slice(0, -".yaml".length)] : [])).sort();
}

/** Those that continue the name or begin it, whoever publishes it; else the one that is written most like it. */
function namesLike(name: string, known: readonly string[]): readonly string[] {
  const word = plain(name.slice(name.lastIndexOf("/") + 1));
  const alike = known.filter((other) => word !== "" && continues(plain(other), word));
  const nearest = nearestWord(name, known);
  return alike.length > 0 || nearest === null ? alike : [nearest];
}

function continues(a: string, b: string): boolean {
  return a.startsWith(b) || b.startsWith(a);
}

/** Without what people leave out: `llama4` for `llama-4`. */
function plain(name: string): string {
  return name.toLowerCase().replaceAll(/[-_.]/g, "");
}

/** Where a name among the shipped models, or a path, leads. */
function shapePath(name: string): string {
  return /\.ya?ml$/.test(name) ? name : `${SHIPPED}${name}.yaml`;
}
