import assert from 'node:assert/strict';
import { test } from 'node:test';
import { resizeRule } from '../../src/deploy/metadata.js';
import { resolveRecipe } from '../../src/recipe/recipe.js';
import { readFacts, writeFacts } from '../../src/weights/facts.js';

const recipe = (size: number, settings: Record<string, unknown>) =>
  resolveRecipe('quick', 'resnet-rs-50', size, settings);

test('fit=letterbox: the crop has no part in it, and small pictures are not shifted', () => {
  const { values, sources } = recipe(64, { fit: 'letterbox', cropMode: 'scale', scaleMin: 0.1, scaleMax: 2 });
  assert.deepEqual([values.fit, values.cropMode, values.scaleMin, values.scaleMax], ['letterbox', 'scale', 0.1, 2]);
  assert.equal(sources.evalCrop, 'unused with fit letterbox');
  const usual = recipe(224, {});
  assert.deepEqual([usual.values.fit, usual.values.cropMode], ['crop', 'inception']);
  assert.equal(usual.sources.scaleMin, 'unused with cropMode inception');
});

test('what cannot be is refused', () => {
  assert.throws(
    () => recipe(64, { scaleMin: 2, scaleMax: 1 }),
    /Expected scaleMin up to scaleMax but received scaleMin=2 and scaleMax=1/,
  );
  assert.throws(
    () => recipe(64, { fit: 'letterbox', cropMode: 'pad' }),
    /Expected another cropMode than pad with fit=letterbox: take scale/,
  );
});

test('weights and exported files say it', () => {
  const facts = writeFacts({ fit: 'letterbox', evalCrop: 1 });
  assert.deepEqual(readFacts(facts, 'x'), { fit: 'letterbox', evalCrop: 1 });
  assert.match(
    resizeRule(256, 1, 'bicubic', 'letterbox'),
    /longer side is 256 .* upper left corner of 256 x 256 pixels of the colour 124, 116, 104/,
  );
  assert.match(resizeRule(256, 1, 'bicubic'), /centred square/);
});
