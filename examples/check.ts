// Are the pictures fit to be trained on? Exit code 1 where the test pictures also stand in the training part.
//   node dist/examples/check.js FOLDER
import { checkData } from 'rescaled';

const [data] = process.argv.slice(2);
if (data === undefined) {
  console.error('usage: node dist/examples/check.js FOLDER');
  process.exit(2);
}

const checking = checkData(data);
let turn = await checking.next();
while (turn.done !== true) turn = await checking.next(); // each turn tells how far it is
const { pictures, found, groups } = turn.value;
const kinds = Object.entries(found).filter(([, count]) => count > 0);
console.log(`${pictures} pictures; found: ${kinds.map(([kind, count]) => `${count} ${kind}`).join(', ') || 'nothing'}`);
for (const group of groups.slice(0, 5)) console.log(group.pictures.map(({ path }) => path).join(' = '));
process.exitCode = found.leaks > 0 ? 1 : 0;
