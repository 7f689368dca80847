// A trained model labels pictures that have no labels; which labels are worth learning from is then selected.
//   node dist/examples/pseudo-label.js RUN|model.onnx FOLDER LABELS
import { openPool, pseudoLabel, readPseudoLabels, selectLabels } from 'rescaled';

const [teacher, pictures, out] = process.argv.slice(2);
if (teacher === undefined || pictures === undefined || out === undefined) {
  console.error('usage: node dist/examples/pseudo-label.js RUN|model.onnx FOLDER LABELS');
  process.exit(2);
}

// The same call goes on where one was interrupted.
for await (const event of pseudoLabel({ teacher, pictures: [pictures], out })) {
  if (event.type === 'unreadable') console.error(`${event.path}: ${event.reason}`);
  if (event.type === 'end') console.log(`${event.counts.pictures} pictures have labels`);
}
const selecting = selectLabels({ labels: out, rule: { name: 'balance', floor: 0.3 }, force: true });
let turn = await selecting.next();
while (turn.done !== true) turn = await selecting.next(); // each turn tells how far it is
for (const { name, pictures: all, kept, drawn } of turn.value.classes)
  console.log(`${name}: ${kept} of ${all} kept, ${drawn} drawn in a pass`);

// What a training reads of them.
const labels = await readPseudoLabels(
  `${out}/selected`,
  await openPool([pictures]),
  turn.value.classes.map(({ name }) => name),
);
console.log(`the first one is picture ${labels.positions[0]}, ${(100 * labels.probability[0]!).toFixed(1)} %`);
