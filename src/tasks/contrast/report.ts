import { html } from '../../report/draw/html.js';
import type { TaskParts } from '../../report/parts.js';
import type { Evaluation, ReportContext } from '../../train/task.js';
import type { ContrastDetails } from './evaluator.js';
import { nearest } from './neighbours.js';
import type { ContrastSettings } from './settings.js';
import { hasCollapsed } from './text.js';

/** Pictures that are shown with the ones most like them, and how many of these. */
const ASKED = 8;
const SHOWN = 5;

/** Pictures with their nearest neighbours by the features of the trunk, before the training and after it. */
export async function contrastParts(
  { scores, details }: Evaluation<ContrastDetails>,
  { settings: { classes }, picture, before }: ReportContext<ContrastSettings>,
): Promise<TaskParts> {
  const n = details.labels.length;
  const { matched, knn } = scores as Record<string, number | undefined>;
  const findings = [
    ...(matched === undefined
      ? []
      : [
          `${(100 * matched).toFixed(1)} % of the views find their partner among the ${2 * n - 1} others; by chance it would be ` +
            `${(100 / (2 * n - 1)).toPrecision(2)} %.`,
        ]),
  ];
  const earlier = (await before?.()) as Evaluation<ContrastDetails> | undefined;
  if (knn !== undefined && earlier !== undefined)
    findings.push(
      `k-NN by these features names ${(100 * knn).toFixed(1)} % of ${n} pictures rightly; before the training it was ` +
        `${(100 * (earlier.scores['knn'] ?? 0)).toFixed(1)} %.`,
    );
  if (hasCollapsed(scores)) findings.push('The features have collapsed: all views give nearly the same.');
  if (n <= SHOWN) return { sections: [], findings };
  const asked = Array.from({ length: Math.min(ASKED, n) }, (_, i) => Math.floor((i * n) / Math.min(ASKED, n)));
  const lists = [
    ...(earlier === undefined
      ? []
      : [{ title: 'before', found: nearest(earlier.details.features, earlier.details.width, SHOWN) }]),
    { title: 'after', found: nearest(details.features, details.width, SHOWN) },
  ];
  const cache = new Map<number, Promise<string>>();
  const shown = async (at: number, likeness?: number, same?: boolean) => {
    if (!cache.has(at)) cache.set(at, picture(details.indices[at]!));
    const name = classes[details.labels[at]!];
    const kind = same === undefined ? 'asked' : same ? 'same' : 'other';
    const uri = `data:image/png;base64,${await cache.get(at)!}`;
    const near = likeness !== undefined && html` <span class="quiet">${likeness.toFixed(2)}</span>`;
    return html`<figure class="${kind}"><img src="${uri}" alt="${name ?? 'picture'}"><figcaption>${name}${near}</figcaption></figure>`;
  };
  const rows = [];
  for (const at of asked) {
    const cells = [html`<td>${await shown(at)}</td>`];
    for (const { found } of lists) {
      const figures = [];
      for (let j = 0; j < found.k; j++) {
        const other = found.rows[at * found.k + j]!;
        const same = classes.length === 0 || details.labels[other] === details.labels[at];
        figures.push(await shown(other, found.cosines[at * found.k + j]!, same));
      }
      cells.push(html`<td><div class="neighbours">${figures}</div></td>`);
    }
    rows.push(html`<tr>${cells}</tr>`);
  }
  return {
    findings,
    sections: [
      {
        id: 'neighbours',
        title: 'What looks alike',
        body: html`<p>The ${SHOWN} pictures nearest to each of ${asked.length} by the cosine of their features
${lists.length > 1 && ', before the training and after it'}.${classes.length > 0 && ' Those of another class are pale.'}</p>
<div class="scroll"><table class="alike"><thead><tr><th>picture</th>${lists.map(({ title }) => html`<th>${title}</th>`)}</tr></thead>
<tbody>${rows}</tbody></table></div>`,
      },
    ],
  };
}
