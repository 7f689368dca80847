import { type Changes, presetChain, type Sourced } from './presets.js';
import type { Recipe, RecipeKey } from './schema.js';

/** A recipe in the making. What a person chose stays; the rules change the rest. */
export class Draft {
  readonly #entries: { [K in RecipeKey]: Sourced<Recipe[K]> };
  readonly #chosen = new Set<RecipeKey>();
  /** Of settings that a person chose in vain. */
  readonly idle: string[] = [];
  constructor(
    readonly preset: string,
    entries: { [K in RecipeKey]: Sourced<Recipe[K]> },
    /** Dropout and stochastic depth follow the model's published row. */
    readonly perModel: boolean,
    /** For each key the epochs of the preset that sets it. */
    readonly writtenFor: Readonly<Record<RecipeKey, number>>,
  ) {
    this.#entries = { ...entries };
  }
  get<K extends RecipeKey>(key: K): Recipe[K] {
    return this.#entries[key][0];
  }
  set<K extends RecipeKey>(key: K, value: Recipe[K], source: string): void {
    if (!this.#chosen.has(key)) (this.#entries as Record<RecipeKey, Sourced<unknown>>)[key] = [value, source];
  }
  /** By a person; the value is not validated yet. */
  choose(key: RecipeKey, value: unknown, source: string): void {
    (this.#entries as Record<RecipeKey, Sourced<unknown>>)[key] = [value, source];
    this.#chosen.add(key);
  }
  unused(key: RecipeKey, why: string): void {
    if (this.#chosen.has(key)) this.idle.push(`${key} was set but plays no part with ${why}.`);
    else this.set(key, this.get(key), `unused with ${why}`);
  }
  sourceOf(key: RecipeKey): string {
    return this.#entries[key][1];
  }
  isChosen(key: RecipeKey): boolean {
    return this.#chosen.has(key);
  }
  chosenKeys(): RecipeKey[] {
    return [...this.#chosen];
  }
  values(): Record<RecipeKey, unknown> {
    return Object.fromEntries(Object.entries(this.#entries).map(([key, [value]]) => [key, value])) as Record<
      RecipeKey,
      unknown
    >;
  }
  sources(): Record<RecipeKey, string> {
    return Object.fromEntries(Object.entries(this.#entries).map(([key, [, source]]) => [key, source])) as Record<
      RecipeKey,
      string
    >;
  }
}

/** The preset with all that it extends. */
export function draftOf(name: string): Draft {
  const chain = presetChain(name);
  let values: Changes = {};
  const writtenFor: Partial<Record<RecipeKey, number>> = {};
  for (const preset of chain) {
    values = { ...values, ...preset.values };
    for (const key of Object.keys(preset.values)) writtenFor[key as RecipeKey] = values.epochs![0];
  }
  const perModel = chain.findLast((preset) => preset.perModel !== undefined)?.perModel ?? false;
  return new Draft(
    name,
    values as { [K in RecipeKey]: Sourced<Recipe[K]> },
    perModel,
    writtenFor as Record<RecipeKey, number>,
  );
}
