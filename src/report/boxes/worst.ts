import { type MeasuredPart, partWord } from '../../part-words.js';
import { count, decimals, percent } from '../draw/format.js';
import { type Html, html } from '../draw/html.js';
import type { Edges, ShownDetection, ShownObject, WorstPicture } from './data.js';

/** The worst pictures, each with its objects beside its boxes. */
export function worstBody(worst: readonly WorstPicture[], part: MeasuredPart = 'test'): Html {
  return html`<p class="note">The ${partWord(part)} pictures with the lowest F1, 2 found / (objects + boxes). Left what is annotated, right what the \
model found. Often an annotation is missing: look before blaming the model.</p>
<ul class="key boxes-key">${[
    ['found', 'found, right'],
    ['missed', 'missed; or on no object'],
    ['taken', 'of another class'],
    ['aside', 'crowd or difficult: not counted'],
  ].map(([kind, words]) => html`<li><i class="box-swatch ${kind}"></i>${words}</li>`)}</ul>
<ul class="beside">${worst.map((one, i) => pair(one, i, part))}</ul>`;
}

function pair(one: WorstPicture, i: number, part: MeasuredPart): Html {
  const { uri, width, height, objects, detections, source, found, missed, taken, wrong, f1 } = one;
  const id = `boxed-${i}`;
  const called = `${partWord(part)} picture`.trim();
  const words = [
    `${count(found)} of ${count(found + missed + taken)} objects found`,
    ...(taken > 0 ? [`${count(taken)} taken for another class`] : []),
    `${count(wrong)} wrong ${wrong === 1 ? 'box' : 'boxes'}`,
    ...(f1 === undefined ? [] : [`F1 ${percent(f1, 1)}`]),
  ].join(', ');
  // The second drawing shows the first one's picture, so that the page holds it once.
  return html`<li>${drawing(
    one,
    html`<image id="${id}" href="${uri}" width="${width}" height="${height}"/>`,
    objects.map(objectLook),
    `A ${called} with its ${count(objects.length)} objects`,
  )}${drawing(
    one,
    html`<use href="#${id}"/>`,
    detections.map(detectionLook),
    `The same with the ${count(detections.length)} boxes of the model`,
  )}<p>${words}</p><p class="source">${source}</p></li>
`;
}

/** Names stand over all frames. */
const drawing = (one: WorstPicture, picture: Html, looks: readonly Look[], label: string): Html =>
  html`<svg class="boxed" viewBox="0 0 ${one.width} ${one.height}" role="img" aria-label="${label}">${picture}${looks.map(frame)}${looks.map(
    (look) => name(look, one),
  )}</svg>`;

interface Look {
  kind: 'found' | 'missed' | 'taken' | 'aside';
  edges: Edges;
  /** In the drawing, of what is not as it should be. */
  label?: string;
  /** When it is pointed at. */
  words: string;
}

function objectLook({ edges, name, outcome, as }: ShownObject): Look {
  const words = { found: 'found', missed: 'missed', taken: `taken for ${as}`, aside: 'not counted' }[outcome];
  return {
    ...{ kind: outcome, edges, words: `${name}, ${words}` },
    ...((outcome === 'missed' || outcome === 'taken') && { label: name }),
  };
}

const KIND = {
  right: 'found',
  other: 'taken',
  again: 'missed',
  loose: 'missed',
  background: 'missed',
  aside: 'aside',
} as const;
const WORDS = {
  right: 'right',
  other: 'an object of another class',
  again: 'the object was found already',
  loose: 'beside an object of its class',
  background: 'no object',
  aside: 'not counted',
} as const;

function detectionLook({ edges, name, score, outcome }: ShownDetection): Look {
  return {
    ...{ kind: KIND[outcome], edges, words: `${name} ${decimals(score)}: ${WORDS[outcome]}` },
    ...(KIND[outcome] !== 'found' && outcome !== 'aside' && { label: `${name} ${decimals(score)}` }),
  };
}

const px = (value: number): string => String(Math.round(10 * value) / 10);

/** A frame with a pale edge, so that it is seen on any picture. */
function frame({ kind, edges: [x0, y0, x1, y1], words }: Look): Html {
  const place = html`x="${px(x0)}" y="${px(y0)}" width="${px(Math.max(0, x1 - x0))}" height="${px(Math.max(0, y1 - y0))}"`;
  return html`<g class="${kind}"><title>${words}</title><rect class="halo" ${place}/><rect ${place}/></g>`;
}

/** Above the frame, or in it at the picture's upper edge; at the right edge it ends where the frame does. */
function name({ kind, edges: [x0, y0, x1], label }: Look, { width, height }: WorstPicture): Html | false {
  if (label === undefined) return false;
  const size = Math.max(width, height) / 24;
  const end = x0 + label.length * size * 0.58 > width;
  const x = end ? Math.min(width, x1) : Math.max(0, x0);
  const y = y0 < size ? Math.max(0, y0) + size : y0 - size / 5;
  return html`<text class="${kind}" x="${px(x)}" y="${px(y)}" font-size="${px(size)}"${end && html` text-anchor="end"`}>${label}</text>`;
}
