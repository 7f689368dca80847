import { batchesOf } from '../../batches.js';
import { emaDecay, scalingText } from '../../optim/index.js';
import { RECIPE_KEYS } from '../../recipe/presets.js';
import type { SourcedRecipe } from '../../recipe/recipe.js';
import { isUnused, shownValue } from '../../recipe/shown.js';
import { type Line, lineChart, niceRange } from '../../report/draw/charts.js';
import { compact, count, significant } from '../../report/draw/format.js';
import { type Html, html } from '../../report/draw/html.js';
import { renderPage } from '../../report/draw/page.js';
import type { Point } from '../../report/draw/series.js';
import { learningRates } from '../../train/index.js';

interface PlotRun {
  model: string;
  size: number;
  pictures: number;
}

const POINTS = 900;
const TONES = ['one', 'two', 'three'] as const;

/** The rates and averages of up to six recipes, and the settings in which they differ, as one self-contained page. */
export function plotPage(recipes: readonly SourcedRecipe[], run: PlotRun): string {
  const names = recipes.map(({ preset }) => preset);
  return renderPage({
    title: names.join(', '),
    kind: recipes.length === 1 ? 'Recipe' : 'Recipes',
    subtitle: html`for ${run.model} at ${run.size} pixels, ${count(run.pictures)} training pictures`,
    head: html``,
    sections: [
      {
        id: 'curves',
        title: 'Curves',
        body: html`<div class="charts">${rateChart(recipes, run)}${averageChart(recipes, run)}</div>`,
      },
      { id: 'settings', title: recipes.length === 1 ? 'Settings' : 'Where they differ', body: settings(recipes) },
    ],
    footer: 'Written by rescaled recipe plot.',
  });
}

const stepsOf = ({ values }: SourcedRecipe, { pictures }: PlotRun): number =>
  batchesOf(pictures, values.batch, 'spread') * values.epochs;

/** One curve a recipe over its own length: in epochs where all are as long, else in percent of the run. */
function curve(recipe: SourcedRecipe, run: PlotRun, length: number, at: (step: number) => number | undefined): Point[] {
  const last = stepsOf(recipe, run) - 1;
  return Array.from({ length: POINTS + 1 }, (_, i) => [(length * i) / POINTS, at(Math.round((last * i) / POINTS))]);
}

function axisOf(recipes: readonly SourcedRecipe[]): {
  length: number;
  x: { name: string; min: number; max: number; format: (value: number) => string };
} {
  const epochs = new Set(recipes.map(({ values }) => values.epochs));
  const same = epochs.size === 1;
  const length = same ? [...epochs][0]! : 100;
  return { length, x: { name: same ? 'epoch' : 'percent of the run', min: 0, max: length, format: short } };
}

/** Three significant digits without zeros at the end. */
const short = (value: number): string =>
  significant(value, 3)
    .replace(/(\.\d*?)0+$/, '$1')
    .replace(/\.$/, '');

/** 10000 -> `10 k`, 7500 -> `7.5 k`: zeros go behind a point alone. */
export const shortCompact = (value: number): string =>
  compact(value).replace(/\.(\d*?)0+(?=\D|$)/, (_, kept: string) => (kept === '' ? '' : `.${kept}`));

const style = (i: number): Pick<Line, 'tone' | 'dashed'> => ({ tone: TONES[i % 3]!, dashed: i >= 3 });

function rateChart(recipes: readonly SourcedRecipe[], run: PlotRun): Html {
  const { length, x } = axisOf(recipes);
  const lines = recipes.map((recipe, i): Line & { points: Point[] } => {
    const points = curve(
      recipe,
      run,
      length,
      learningRates(recipe.values, batchesOf(run.pictures, recipe.values.batch, 'spread')),
    );
    return {
      name: recipe.preset,
      points,
      ...style(i),
      value: `peak ${short(Math.max(...points.map(([, y]) => y ?? 0)))}`,
    };
  });
  const highest = Math.max(...lines.flatMap(({ points }) => points.map(([, y]) => y ?? 0)));
  const sizes = recipes.map(
    ({ preset, values }) =>
      `${preset} ${values.learningRate}${scalingText(values.batch, values.rateScaling)}, ${values.optimiser}`,
  );
  return lineChart({
    id: 'rate',
    title: 'Learning rate',
    lines,
    x,
    y: { ...niceRange(0, highest), format: short },
    note: `Rates of different optimisers do not compare. By recipe: ${sizes.join('; ')}.`,
  });
}

/** How many steps the EMA averages over, 1/(1 - decay). */
function averageChart(recipes: readonly SourcedRecipe[], run: PlotRun): Html {
  const { length, x } = axisOf(recipes);
  const averaged = recipes
    .map((recipe, i) => ({ recipe, i }))
    .filter(({ recipe }) => recipe.values.averaging !== 'none');
  const without = recipes.filter(({ values }) => values.averaging === 'none').map(({ preset }) => preset);
  const note = without.length > 0 ? `Without EMA: ${without.join(', ')}.` : undefined;
  if (averaged.length === 0) return html`<p class="note">${note}</p>`;
  const lines = averaged.map(({ recipe, i }): Line & { points: Point[] } => {
    const points = curve(recipe, run, length, (step) => 1 / (1 - emaDecay(recipe.values.emaDecay, step + 1)));
    return { name: recipe.preset, points, ...style(i), value: `decay up to ${recipe.values.emaDecay}` };
  });
  return lineChart({
    id: 'average',
    title: 'Steps that the EMA averages over',
    lines,
    x,
    y: {
      ...niceRange(0, Math.max(...lines.flatMap(({ points }) => points.map(([, y]) => y ?? 0)))),
      format: shortCompact,
    },
    note:
      '1/(1 - d), with d = min(decay, (1 + t)/(10 + t)) after t steps. ' +
      `Equal curves lie on one another.${note === undefined ? '' : ` ${note}`}`,
  });
}

function settings(recipes: readonly SourcedRecipe[]): Html {
  const shown = (recipe: SourcedRecipe, key: (typeof RECIPE_KEYS)[number]): string =>
    isUnused(recipe, key) ? '–' : shownValue(recipe.values[key]);
  const keys = RECIPE_KEYS.filter((key) =>
    recipes.length === 1 ? !isUnused(recipes[0]!, key) : new Set(recipes.map((recipe) => shown(recipe, key))).size > 1,
  );
  if (keys.length === 0) return html`<p>In nothing.</p>`;
  const row = (key: (typeof RECIPE_KEYS)[number]): Html =>
    html`<tr><td>${key}</td>${recipes.map(
      (recipe) => html`<td title="${recipe.sources[key]}">${shown(recipe, key)}</td>`,
    )}</tr>
`;
  const note =
    'A dash stands where a setting plays no part. The source of a value shows when the pointer rests on it, and in ';
  const head = html`<tr><th>Setting</th>${recipes.map(({ preset }) => html`<th>${preset}</th>`)}</tr>`;
  return html`<div class="scroll"><table class="full"><thead>${head}</thead>
<tbody>${keys.map(row)}</tbody></table></div>
<p class="note">${note}<code>rescaled recipe show</code>.</p>`;
}
