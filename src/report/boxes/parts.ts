import { partWord } from '../../part-words.js';
import { count, percent } from '../draw/format.js';
import { html } from '../draw/html.js';
import { PICTURES_DRAWN } from '../figures.js';
import type { TaskParts } from '../parts.js';
import { curvesBody } from './curves.js';
import type { BoxFindings } from './data.js';
import { atThreshold, classesTable, confusionBody, figuresBody, KINDS, sizesTable, sizeWords } from './tables.js';
import { worstBody } from './worst.js';

/** What a report says of a detector: precision over recall, classes, confusion with the background, sizes, the worst pictures. */
export function boxParts(found: BoxFindings): TaskParts {
  const [primary] = found.figures;
  return {
    sections: [
      {
        id: 'precision',
        title: 'Precision and recall',
        body: html`${curvesBody(found)}${figuresBody(found)}`,
      },
      { id: 'classes', title: 'Classes', body: classesTable(found) },
      { id: 'confusion', title: 'Confusion with each other and with the background', body: confusionBody(found) },
      ...(found.errors.sizes.length > 0
        ? [{ id: 'sizes', title: 'Small and large objects', body: sizesTable(found) }]
        : []),
      ...(found.worst.length > 0
        ? [{ id: 'worst', title: 'Worst pictures', body: worstBody(found.worst, found.part) }]
        : []),
    ],
    findings: [...whole(found), ...weakest(found), ...missedMost(found), ...sized(found), ...wrong(found)],
    ...(primary?.interval !== undefined && {
      interval: { ...primary.interval, note: PICTURES_DRAWN },
    }),
  };
}

const sumOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);

function whole({ errors, images, part = 'test' }: BoxFindings): string[] {
  const [objects, found, boxes] = (['objects', 'found', 'detections'] as const).map((key) =>
    sumOf(errors.classes.map((one) => one[key])),
  );
  if (!objects) return [];
  return [
    `Of ${count(objects)} objects in ${count(images)} ${partWord(part)} pictures ${percent(found! / objects, 1)} are found, and `.replace(
      '  ',
      ' ',
    ) +
      `${boxes === 0 ? 'there are no boxes' : `${percent(found! / boxes!, 1)} of ${count(boxes!)} boxes are right`}, ${atThreshold(errors)}.`,
  ];
}

function weakest({ classes }: BoxFindings): string[] {
  const scored = classes.filter(({ ap }) => ap !== undefined);
  if (scored.length < 2) return [];
  const worst = scored.reduce((a, b) => (b.ap! < a.ap! ? b : a));
  return [
    `The weakest class is “${worst.name}”: its AP is ${percent(worst.ap, 1)}, at an overlap of 0.50 ${percent(worst.ap50, 1)}.`,
  ];
}

function missedMost({ classes, errors }: BoxFindings): string[] {
  const lost = errors.classes.map(({ missed, taken, objects }, i) => ({
    name: classes[i]!.name,
    missed,
    taken,
    objects,
  }));
  const [most] = [...lost].sort((a, b) => b.missed + b.taken - a.missed - a.taken);
  if (most === undefined || classes.length < 2 || most.missed + most.taken === 0) return [];
  return [
    `Most missed is “${most.name}”: ${count(most.missed + most.taken)} of its ${count(most.objects)} objects` +
      `${most.taken > 0 ? `, ${count(most.taken)} of them taken for another class` : ''}.`,
  ];
}

/** Only where there are enough objects of a size to speak of. */
const ENOUGH = 10;

function sized({ errors }: BoxFindings): string[] {
  const sizes = errors.sizes.filter(({ objects }) => objects >= ENOUGH);
  if (sizes.length < 2) return [];
  const [low, high] = [...sizes]
    .sort((a, b) => a.found / a.objects - b.found / b.objects)
    .filter((_, i, all) => i === 0 || i === all.length - 1);
  if (low === undefined || high === undefined || high.found / high.objects - low.found / low.objects < 0.1) return [];
  return [
    `By size: of objects with a side of ${sizeWords(low.from, low.to)} ${percent(low.found / low.objects, 1)} are found, ` +
      `of those of ${sizeWords(high.from, high.to)} ${percent(high.found / high.objects, 1)}.`,
  ];
}

function wrong({ errors: { kinds } }: BoxFindings): string[] {
  const sum = sumOf(Object.values(kinds));
  if (sum < ENOUGH) return [];
  const [kind, n] = (Object.entries(kinds) as [keyof typeof KINDS, number][]).reduce((a, b) => (b[1] > a[1] ? b : a));
  return [`Of ${count(sum)} wrong boxes most are ${KINDS[kind]}: ${percent(n / sum, 1)}.`];
}
