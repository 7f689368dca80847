// A few labelled pictures and many without labels: a teacher, its labels, a student, and again. The same call goes on where an earlier one
// was stopped.
//   node self-train.js LABELLED HEAP OUT [ROUNDS]
import { selfTrain } from 'rescaled';

const [data, heap, out = 'runs/self', rounds = '1'] = process.argv.slice(2);
if (data === undefined || heap === undefined) {
  console.error('node self-train.js LABELLED HEAP [OUT] [ROUNDS]');
  process.exit(2);
}

const found = await selfTrain(
  out,
  {
    data,
    unlabelled: [heap],
    rounds: Number(rounds),
    training: { model: 'resnet-rs-14', width: 0.125, size: 32, recipe: 'quick', epochs: 2 },
    student: { settings: { unlabelledRatio: 1 } },
    // Two epochs make no teacher that is sure of anything.
    rule: { name: 'balance', floor: 0 },
  },
  {
    onEvent(event) {
      if (event.type === 'stage') console.log(`round ${event.round}: ${event.stage} -> ${event.folder}`);
    },
  },
);
for (const { round, top1, images } of found ?? [])
  console.log(`round ${round}: ${(100 * top1).toFixed(2)} % of ${images}`);
