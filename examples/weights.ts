// What a file of weights holds, whoever wrote it; and which weights have a name.
//   node weights.js list|FILE
import { namedWeights, openWeights, weightsHere } from 'rescaled';

const [path] = process.argv.slice(2);
if (path === undefined) {
  console.error('usage: node weights.js list|FILE');
  process.exit(2);
}

if (path === 'list')
  for (const { name, model, top1 = '?' } of namedWeights)
    console.log(
      `${name}: ${model}, ImageNet top-1 ${top1} %${weightsHere(name) === undefined ? '' : ', on this machine'}`,
    );
else {
  const file = await openWeights(path);
  console.log(`${file.format}, ${file.entries.size} tensors`);
  for (const [name, { shape }] of [...file.entries].slice(0, 10)) console.log(`${name}: ${shape.join(' x ')}`);
}
