import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { fetchWanted } from '../../../src/weights/hub/fetch.js';
import { freshCaches, QUICK, someBytes } from './helpers.js';
import { FakeHub, sha256 } from './server.js';

const folder = freshCaches();
const bytes = someBytes(300_000);
let hub: FakeHub;
before(() => (hub = new FakeHub()).start());
after(() => hub.stop());
beforeEach(() => {
  hub.seen.length = 0;
});

describe('a file of torchvision', () => {
  const wanted = (digits: string) => ({
    name: 'tiny.V1',
    revision: 'main',
    address: {
      kind: 'torch' as const,
      url: `${hub.cdn}/torch/tiny-${digits}.pth`,
      file: `tiny-${digits}.pth`,
      sha256: digits,
    },
  });

  test("lies where torch.hub looks for it, checked by its name's digits; a break is gone on from", async () => {
    const digits = sha256(bytes).slice(0, 8);
    hub.add('torch', `tiny-${digits}.pth`, bytes);
    process.env['HF_TOKEN'] = 'hf_secret';
    hub.cdnTricks.push(hub.cutAfter(bytes, 10_000));
    const path = await fetchWanted(wanted(digits), { patience: QUICK });
    assert.equal(path, join(folder(), 'torch', 'hub', 'checkpoints', `tiny-${digits}.pth`));
    assert.deepEqual(readFileSync(path), bytes);
    assert.deepEqual(
      hub.seen.map(({ range, authorization }) => [range, authorization]),
      [
        [undefined, undefined],
        ['bytes=10000-', undefined],
      ],
    );
    assert.equal(await fetchWanted(wanted(digits), { patience: QUICK }), path);
    assert.deepEqual(readdirSync(dirname(path)), [`tiny-${digits}.pth`]);
  });

  test('other digits: deleted', async () => {
    hub.add('torch', 'tiny-00000000.pth', bytes);
    await assert.rejects(
      fetchWanted(wanted('00000000'), { patience: QUICK }),
      /to be 00000000 but what came has .* It was deleted/,
    );
    assert.deepEqual(readdirSync(join(folder(), 'torch', 'hub', 'checkpoints')), []);
  });
});
