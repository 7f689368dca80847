import pc from 'picocolors';
import type { Alternative, Asked, Choice } from '../../choice/run.js';
import { nominalSeconds, type Rung } from '../../choice/rungs.js';
import { modelTitle } from '../../models/index.js';
import { commandLine, plural } from '../../suggest.js';
import { taskNamed } from '../../tasks/index.js';
import { duration } from '../progress.js';
import { gigabytes } from '../words.js';

/** Few pictures teach a network little that others have not learned from a million. */
const FEW = 10_000;
const FINE_TUNED = { name: 'resnet18.a1_in1k', rung: { model: 'resnet-18', width: 1, size: 128 }, megabytes: 47 };
const FINE_TUNING_EPOCHS = 20;

/** Lines that say what was chosen, why, how long it takes, and what else there is. */
export function choiceText(data: string, { options }: Asked, choice: Choice): string {
  const { rung, recipe, batch, epochs, steps, trainImages, classes, side, cores, freeBytes, memoryBytes } = choice;
  const own = taskNamed(options.task).recipe !== undefined;
  const few = !own && trainImages < FEW && options.from === undefined && (side === undefined || side > 64);
  const other = (which: string, found: Alternative | undefined): [string, string][] =>
    found === undefined
      ? []
      : [
          [
            which,
            `${titleOf(found.rung)}, as long: about ${duration(found.seconds)}: ` +
              commandLine(fixed(data, options, { ...choice, rung: found.rung, epochs: found.epochs })),
          ],
        ];
  const rows: [string, string][] = [
    [
      'data',
      `${plural(trainImages, 'training picture')}${classes === undefined ? '' : ` of ${plural(classes, 'class', 'classes')}`}` +
        `${side === undefined ? '' : `, ${side} pixels at the shorter side`}` +
        `${choice.unlabelledImages === undefined ? '' : `; ${choice.unlabelledImages} without labels`}`,
    ],
    [
      'machine',
      `${choice.device === 'cpu' ? plural(cores, 'core') : choice.device}, ${gigabytes(freeBytes)} of memory free`,
    ],
    [
      'chosen',
      `${titleOf(rung)}, recipe ${recipe}, batch ${batch}, ${plural(epochs, 'epoch')} (${plural(steps, 'step')})`,
    ],
    ['why', own ? `as many epochs as ${plural(choice.minutes, 'minute')} allow` : why(choice)],
    [
      'takes',
      `about ${duration(choice.seconds)} in all and ${memoryBytes === undefined ? '' : `${gigabytes(memoryBytes)} of memory, `}` +
        `measured just now: ${Math.round(choice.imagesPerSecond)} pictures/s`,
    ],
    ...other('smaller', choice.smaller),
    ...other('larger', choice.larger),
    ...(few ? [['better', fineTuning(data, choice)] as [string, string]] : []),
    ['again', commandLine(fixed(data, options, choice))],
  ];
  return rows.map(([key, text]) => `${pc.bold(key.padEnd(8))} ${text}`).join('\n');
}

const titleOf = ({ model, width, size }: Rung): string => `${modelTitle(model, { width })} at ${size} pixels`;

function why({ asked, minutes, epochs }: Choice): string {
  const time = asked ? `${plural(minutes, 'minute')}` : `about ${minutes} minutes; --minutes N sets another time`;
  return `the largest network that sees each picture ${epochs} times or more in ${time}`;
}

const flagsOf = ({ model, width, size }: Rung): string[] => [
  ...['-m', model],
  ...(width === 1 ? [] : ['--width', String(width)]),
  ...['--size', String(size)],
];

function fineTuning(data: string, { trainImages, factor }: Choice): string {
  const { name, rung, megabytes } = FINE_TUNED;
  const seconds = FINE_TUNING_EPOCHS * trainImages * factor * nominalSeconds(rung);
  return (
    `few pictures do better from weights that others have trained (${megabytes} MB to download, about ${duration(seconds)}): ` +
    commandLine(['rescaled', 'train', data, '--from', name, '--size', String(rung.size)])
  );
}

/** The command that does the same without measuring: the same bytes on the same machine. */
function fixed(data: string, options: Asked['options'], { rung, recipe, epochs }: Choice): string[] {
  const {
    task,
    settings = {},
    seed,
    threads,
    workers,
    device,
    limitTrain,
    limitVal,
    valSplit,
    unlabelled,
    labels,
  } = options;
  const own = {
    seed,
    threads,
    workers,
    device,
    'limit-train': limitTrain,
    'limit-val': limitVal,
    'val-split': valSplit,
  };
  return [
    ...[
      'rescaled',
      'train',
      data,
      ...(task === undefined ? [] : ['--task', task]),
      ...flagsOf(rung),
      '-r',
      recipe,
      '-e',
      String(epochs),
    ],
    ...(unlabelled === undefined ? [] : ['--unlabelled', ...unlabelled]),
    ...(labels === undefined ? [] : ['--labels', labels]),
    ...Object.entries(settings).flatMap(([key, value]) =>
      key === 'epochs' ? [] : ['--set', `${key}=${String(value)}`],
    ),
    ...Object.entries(own).flatMap(([key, value]) => (value === undefined ? [] : [`--${key}`, String(value)])),
  ];
}
