import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type FrontierFamily,
  type FrontierReport,
  type FrontierRow,
  frontierDrawings,
  renderFrontier,
} from '../../src/report/frontier/report.js';

const row = (family: FrontierFamily, model: string, top1: number, trainStepMs: number): FrontierRow => ({
  ...{ family, model, top1, trainStepMs, size: 224, top1Source: `the page of ${family}`, parameters: 2e7 },
  ...{ multiplyAdds: 4e9, trainStepRange: [trainStepMs, trainStepMs + 1], inferenceMs: trainStepMs / 3 },
  inferenceRange: [trainStepMs / 3, trainStepMs / 2],
});
const report = (rows: readonly FrontierRow[]): FrontierReport => ({
  ...{ generatedAt: '2026-01-01T00:00:00.000Z', machine: 'a processor', device: 'cpu', engine: 'libtorch', threads: 1 },
  ...{ batch: 8, runs: 5, rows, ratios: [], skipped: [], command: 'npm run bench:frontier' },
});
const ours = [row('ResNet-RS', 'resnet-rs-50@160', 78.8, 100), row('ResNet-RS', 'resnet-rs-101@192', 81.2, 300)];

test('each family that was measured has its line, its name and its labels; the title names them', () => {
  const two = renderFrontier(report([...ours, row('EfficientNet', 'efficientnet-b3', 81.6, 200)]));
  assert.match(two, /ResNet-RS against EfficientNet, measured here/);
  assert.doesNotMatch(two, /TResNet|ResNeSt/);
  const all = report([
    ...ours,
    row('EfficientNet', 'efficientnet-b3', 81.6, 200),
    row('TResNet', 'tresnet-m@224', 80.8, 210),
    row('ResNeSt', 'resnest-50d@224', 81.03, 280),
    row('NFNet', 'dm-nfnet-f0@256', 83.6, 400),
    row('NFNet', 'nf-resnet-50@256', 80.2, 290),
    row('LambdaResNet', 'lambda-resnet-26t@256', 79.1, 150),
  ]);
  const page = renderFrontier(all);
  assert.match(page, /ResNet-RS against EfficientNet, TResNet, ResNeSt, NFNet and LambdaResNet, measured here/);
  assert.match(page, /Accuracy of ResNeSt: the page of ResNeSt\./);
  const drawings = frontierDrawings(all);
  assert.deepEqual([...drawings.keys()], ['train.svg', 'inference.svg', 'multiply-adds.svg']);
  for (const text of [
    'ResNet-RS',
    'EfficientNet',
    'TResNet',
    'ResNeSt',
    'B3',
    'm@224',
    '50d@224',
    '>F0@256',
    '>nf-resnet-50@256',
    '>26t@256',
  ])
    assert.ok(drawings.get('train.svg')!.includes(text), text);
  assert.match(renderFrontier(report(ours)), /<h1>ResNet-RS, measured here/);
});

test('exported files stand in a table of their own', () => {
  const common = { model: 'resnet-50', size: 160, threads: 1, batch: 8 };
  const files = {
    ...{ machine: 'a processor', runtime: 'ONNX Runtime 1.30.0', rounds: 21 },
    rows: [
      { ...common, kind: 'float32', bytes: 102_148_623, milliseconds: 190, ratio: 1 },
      { ...common, kind: 'int8', bytes: 26_057_689, milliseconds: 58, ratio: 3.276 },
    ],
  };
  const page = renderFrontier({ ...report(ours), files });
  assert.match(page, /Exported files in int8 and float16/);
  assert.match(page, /int8[^]*?3\.28/);
  assert.doesNotMatch(renderFrontier(report(ours)), /Exported files/);
});
