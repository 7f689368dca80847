// Are the pictures fit to be trained on? Exit code 1 where pictures stand in two parts, the training and the test part, say.
//   node check.js FOLDER [PAGE.html]
import { checkData, writeCheckPage } from 'rescaled';

const [data, page] = process.argv.slice(2);
if (data === undefined) {
  console.error('usage: node check.js FOLDER [PAGE.html]');
  process.exit(2);
}

const checking = checkData(data);
let turn = await checking.next();
while (turn.done !== true) turn = await checking.next(); // each turn tells how far it is
const checked = turn.value;
const { pictures, found, groups } = checked;
const kinds = Object.entries(found).filter(([, count]) => count > 0);
console.log(`${pictures} pictures; found: ${kinds.map(([kind, count]) => `${count} ${kind}`).join(', ') || 'nothing'}`);
for (const group of groups.slice(0, 5)) console.log(group.pictures.map(({ path }) => path).join(' = '));
if (page !== undefined) await writeCheckPage(checked, page); // with the copies side by side
process.exitCode = found.leaks > 0 ? 1 : 0;
