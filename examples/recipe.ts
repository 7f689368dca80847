// A recipe, setting by setting with its source: of a preset or a file, for a network and pictures of a size.
//   node recipe.js PRESET|RECIPE.json MODEL SIZE [PICTURES]
import { openRecipe, presetNames, resolveRecipe } from 'rescaled';

const [name, model, size, pictures] = process.argv.slice(2);
if (name === undefined || model === undefined || size === undefined) {
  console.error(`usage: node recipe.js ${presetNames().join('|')}|FILE MODEL SIZE [PICTURES]`);
  process.exit(2);
}

const recipe = await openRecipe(name);
const { values, sources } = resolveRecipe(
  recipe,
  model,
  Number(size),
  {},
  pictures === undefined ? undefined : Number(pictures),
);
for (const [key, value] of Object.entries(values))
  console.log(`${key}: ${JSON.stringify(value)} (${sources[key as keyof typeof sources]})`);
