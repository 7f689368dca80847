import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { UsageError } from '../../../src/errors.js';
import { type ModelOverrides, modelFacts, modelShapes } from '../../../src/models/index.js';
import { needName, noSuchName, parseName } from '../../../src/weights/hub/name.js';
import { factsOf, NAMED_WEIGHTS, rowOfFile } from '../../../src/weights/hub/table.js';
import { fixturePath } from '../../fixtures/open.js';

const architectures = (
  JSON.parse(readFileSync(fixturePath('timm_keys.json'), 'utf8')) as {
    models: Record<string, { ours: string; options: ModelOverrides; parameters: number }>;
  }
).models;

describe('the table of named weights', () => {
  test('names are unique, whatever the capitals, and facts are whole', () => {
    assert.equal(NAMED_WEIGHTS.length, 173);
    assert.equal(new Set(NAMED_WEIGHTS.map(({ name }) => name.toLowerCase())).size, NAMED_WEIGHTS.length);
    for (const row of NAMED_WEIGHTS) {
      assert.ok(row.size >= 160 && row.size <= 600 && row.evalCrop > 0.8 && row.evalCrop <= 1, row.name);
      assert.ok(row.mean.length === 3 && row.std.every((one) => one > 0), row.name);
      assert.ok(row.top1 === undefined || (row.top1 > 60 && row.top1 < 90), row.name);
      modelFacts(row.model, row.modelOptions as ModelOverrides);
    }
  });

  test("timm's rows: model and switches are those whose keys were compared with timm's", () => {
    const rows = NAMED_WEIGHTS.filter(({ address }) => address.kind === 'hub');
    for (const row of rows) {
      const timm = architectures[row.name.split('.')[0]!]!;
      assert.deepEqual([row.model, row.modelOptions], [timm.ours, timm.options], row.name);
      assert.deepEqual(row.address, { kind: 'hub', repository: `timm/${row.name}`, file: 'model.safetensors' });
    }
  });

  test('as many numbers as the model has', () => {
    const counts = new Map<string, number>();
    for (const { model, modelOptions, numbers, name } of NAMED_WEIGHTS) {
      if (numbers === undefined) continue;
      const key = JSON.stringify([model, modelOptions]);
      if (!counts.has(key)) {
        const shapes = modelShapes(model, modelOptions as ModelOverrides);
        counts.set(
          key,
          [...shapes.values()].reduce((sum, shape) => sum + shape.reduce((product, side) => product * side, 1), 0),
        );
      }
      assert.equal(numbers, counts.get(key), name);
    }
  });

  test("torchvision's names end in the beginning of the hash; archives are archives", () => {
    for (const { address, name } of NAMED_WEIGHTS)
      if (address.kind === 'torch') {
        assert.ok(address.url.startsWith('https://download.pytorch.org/models/'), name);
        assert.ok(address.file.endsWith(`-${address.sha256}.pth`) && address.sha256.length === 8, name);
      } else if (address.kind === 'archive') assert.match(address.url, /^https:.*\.tar\.gz$/);
  });

  test('facts: 1000 classes in the order of their numbers, the input, and the model', () => {
    const facts = factsOf(needName('tf_efficientnet_b0.ap_in1k').row!);
    assert.deepEqual([facts.classes!.length, facts.classes![0], facts.classes![999]], [1000, 'n01440764', 'n15075141']);
    assert.deepEqual([...facts.classes!].sort(), facts.classes);
    assert.deepEqual([facts.model, facts.size, facts.evalCrop, facts.mean![0]], ['efficientnet-b0', 224, 0.875, 0.5]);
    // DeepMind's cut of S / (S + 32), with which timm has measured nothing.
    const nfnet = needName('dm_nfnet_f0').row!;
    assert.deepEqual([nfnet.model, nfnet.size, nfnet.evalCrop, nfnet.top1], ['dm-nfnet-f0', 256, 0.8889, undefined]);
  });

  test('a cached file is known by its place', () => {
    const hub = join('h', 'hub', 'models--timm--resnetrs50.tf_in1k', 'snapshots', 'abc', 'model.safetensors');
    assert.equal(rowOfFile(hub)?.name, 'resnetrs50.tf_in1k');
    assert.equal(rowOfFile(join('anywhere', 'resnet50-11ad3fa6.pth'))?.name, 'resnet50.IMAGENET1K_V2');
    assert.equal(rowOfFile(join('anywhere', 'model.safetensors')), undefined);
    assert.equal(rowOfFile(hub.replace('timm', 'other')), undefined);
  });
});

describe('names', () => {
  test('a row, in any capitals; an architecture alone where one row has it', () => {
    assert.equal(parseName('ResNetRS50.tf_in1k')?.name, 'resnetrs50.tf_in1k');
    assert.equal(parseName('resnet50.imagenet1k_v2')?.name, 'resnet50.IMAGENET1K_V2');
    assert.equal(parseName('resnetrs50')?.name, 'resnetrs50.tf_in1k');
    assert.equal(parseName('resnet50'), undefined);
    assert.match(noSuchName('resnet50'), /Several weights begin so: resnet50\.a1_in1k, .*IMAGENET1K_V2/);
    assert.match(noSuchName('resnetrs50.tf_in'), /Did you mean "resnetrs50\.tf_in1k"/);
    assert.match(noSuchName('timm/resnetrs50.tf_in1k'), /Did you mean "resnetrs50\.tf_in1k", or hf:timm/);
  });

  test('hf:owner/repository[@revision][/file]', () => {
    const of = (text: string) => {
      const { address, revision, row } = parseName(text)!;
      return address.kind === 'hub' ? [address.repository, revision, address.file, row?.name] : [];
    };
    assert.deepEqual(of('hf:a/b'), ['a/b', 'main', 'model.safetensors', undefined]);
    assert.deepEqual(of('hf:a/b@v1.0/x/y.pth'), ['a/b', 'v1.0', 'x/y.pth', undefined]);
    assert.deepEqual(of('hf://a/b@refs/pr/3'), ['a/b', 'refs/pr/3', 'model.safetensors', undefined]);
    assert.equal(of('hf:timm/resnetrs50.tf_in1k')[3], 'resnetrs50.tf_in1k');
    for (const wrong of [
      'hf:',
      'hf:a',
      'hf:a/..',
      'hf:../b',
      'hf:a/b/../c',
      'hf:a/b@..',
      'hf:a/b//c',
      'hf:a b/c',
      'hf:a--b/c',
    ])
      assert.throws(() => parseName(wrong), UsageError, wrong);
  });
});
