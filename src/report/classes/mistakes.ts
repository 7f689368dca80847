import { capital } from '../../metric.js';
import { type MeasuredPart, partWord } from '../../part-words.js';
import { count, percent } from '../draw/format.js';
import { type Html, html } from '../draw/html.js';

export interface Mistake {
  label: string;
  predicted: string;
  /** What the model gave to `predicted`. */
  probability: number;
  /** Which picture: its path, or its place in an archive. */
  source: string;
  /** Base64 of a PNG file. */
  png: string;
}

const mistakesShown = 48;

/** The worst mistakes as pictures. */
export function mistakeGrid(mistakes: readonly Mistake[], part: MeasuredPart = 'test'): Html {
  const shown = mistakes.slice(0, mistakesShown);
  return html`<p class="note">${head(part)} that were given a wrong class with the greatest confidence. \
Often some of them carry a wrong label: look before blaming the model.${
    mistakes.length > shown.length && ` ${count(shown.length)} of ${count(mistakes.length)}.`
  }</p>
<ul class="mistakes">${shown.map(
    (mistake) => html`<li>${picture(mistake, part)}
<p class="said">${mistake.predicted} ${percent(mistake.probability, 1)}</p><p>is ${mistake.label}</p><p class="source">${mistake.source}</p></li>
`,
  )}</ul>`;
}

const word = (part: MeasuredPart): string => `${partWord(part)} picture`.trim();
const head = (part: MeasuredPart): string => `${capital(word(part))}s`;

function picture({ png, label, predicted }: Mistake, part: MeasuredPart): Html {
  const header = Buffer.from(png.slice(0, 32), 'base64');
  // A PNG's first chunk holds its width at byte 16; small pictures are clearer as sharp squares than as a blur.
  const width = header.length >= 20 ? header.readUInt32BE(16) : 0;
  return html`<img${width > 0 && width <= 64 && html` class="pixels"`} src="data:image/png;base64,${png}" \
alt="A ${word(part)} of ${label}, taken for ${predicted}">`;
}
