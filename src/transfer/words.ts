import { plural } from '../suggest.js';
import { taskNamed } from '../tasks/index.js';
import { type Group, gridOf, type Setting, type TransferPlan } from './plan.js';
import { NEIGHBOURS } from './solve/knn.js';
import { PENALTIES } from './solve/linear.js';

/** How a study was done, for its page: what is the same everywhere. */
export function howOf(plan: TransferPlan): { key: string; value: string }[] {
  const { ask, targets } = plan;
  const { methods, retrain, valSplit, epochs, settings, seeds } = ask;
  const classes = targets.some(({ task }) => task === 'classify');
  const tuned = methods.includes('finetune');
  return [
    ...(classes && methods.includes('linear')
      ? [
          {
            key: 'linear',
            value: `logistic regression on frozen features as they are, ${PENALTIES.length} L2 penalties from 1e-6 to 1e5 of the summed loss, by L-BFGS`,
          },
        ]
      : []),
    ...(classes && methods.includes('knn')
      ? [
          {
            key: 'k-NN',
            value: `up to ${NEIGHBOURS.k} neighbours by cosine, weights exp(cosine / ${NEIGHBOURS.temperature})`,
          },
        ]
      : []),
    ...(tuned
      ? [
          ...(classes ? ofClasses(plan) : []),
          ...ofOthers(plan),
          {
            key: 'the grid',
            value: `tried with the labels of seed 0; what validation chose is trained with each of ${plural(seeds, 'seed')}`,
          },
          ...(epochs === undefined ? [] : [{ key: 'epochs', value: String(epochs) }]),
          ...(Object.keys(settings).length === 0 ? [] : [{ key: 'other settings', value: JSON.stringify(settings) }]),
        ]
      : []),
    {
      key: 'labels',
      value: 'of each class its share, at least one; a smaller share lies within a larger one; by seed',
    },
    {
      key: 'validation pictures',
      value:
        `all, at every share${retrain ? '; with all labels what was chosen then learns from them too' : ''}; ` +
        `where a set has none, ${Number((100 * valSplit).toPrecision(3))} % are set aside`,
    },
    {
      key: 'test pictures',
      value: `measured once for each result${classes ? ', for classes in the centre view' : ''}`,
    },
  ];
}

/** Fine-tuning to classes, by kind of start. */
function ofClasses({ ask: { grid, settings }, starts }: TransferPlan): { key: string; value: string }[] {
  const words = (kind: 'weights' | 'scratch'): string =>
    `${listed(gridOf({ kind }, grid, settings), ' per 256 pictures')}, divided by the rate`;
  const has = (kind: 'weights' | 'scratch'): boolean => starts.some((start) => start.kind === kind);
  return [
    ...(has('weights') ? [{ key: 'fine-tuned', value: `recipe finetune, ${words('weights')}` }] : []),
    ...(has('scratch')
      ? [{ key: 'from scratch', value: `the same recipe for twice the steps, ${words('scratch')}` }]
      : []),
  ];
}

/** Fine-tuning to boxes, masks and depth: all starts alike. */
function ofOthers({ targets, groups }: TransferPlan): { key: string; value: string }[] {
  return targets.flatMap(({ name, task, size }) => {
    const group = groups.find(({ target }) => target.name === name);
    if (task === 'classify' || group === undefined) return [];
    return [
      {
        key: `fine-tuned on ${name}`,
        value:
          `recipe ${taskNamed(task).recipe}, as long from scratch, whole pictures at ${size} pixels in each start's mean and deviation; ` +
          listed(settingsIn(group)),
      },
    ];
  });
}

const settingsIn = ({ points }: Group): Setting[] => points.map(({ setting }) => setting);

export const short = (value: unknown): string => String(Number(Number(value).toPrecision(3)));

/** `rates 0.001, 0.01; decays none, 1e-5`. */
function listed(points: readonly Setting[], behind = ''): string {
  const all = (values: number[]): string =>
    [...new Set(values)].map((value) => (value === 0 ? 'none' : short(value))).join(', ');
  return `rates ${all(points.map(({ rate }) => rate))}${behind}; decays ${all(points.map(({ decay }) => decay))}`;
}
