import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressTowards, ranksTimeout } from '../../src/ranks/join.js';
import { rankPlace } from '../../src/ranks/place.js';

const torchrun = {
  ...{ RANK: '5', LOCAL_RANK: '1', WORLD_SIZE: '8', LOCAL_WORLD_SIZE: '4', GROUP_RANK: '1' },
  ...{ MASTER_ADDR: 'node-0', MASTER_PORT: '29400' },
};

test('alone where nobody says otherwise', () => {
  assert.equal(rankPlace({}), undefined);
  assert.equal(rankPlace({ RANK: '0', WORLD_SIZE: '1', MASTER_ADDR: 'x' }), undefined);
  // Of a job of one task, of an interactive shell, of a pod of a plain Job.
  assert.equal(rankPlace({ SLURM_PROCID: '0', SLURM_NTASKS: '1', SLURM_STEP_ID: '0' }), undefined);
  assert.equal(rankPlace({ SLURM_PROCID: '0', SLURM_NTASKS: '8' }), undefined);
  assert.equal(rankPlace({ JOB_COMPLETION_INDEX: '3' }), undefined);
});

test("torchrun's variables, and a port beside its agent's", () => {
  const place = { rank: 5, world: 8, localRank: 1, localWorld: 4, host: 'node-0', port: 29400, launcher: 'torchrun' };
  assert.deepEqual(rankPlace(torchrun), place);
  assert.deepEqual(rankPlace({ ...torchrun, TORCHELASTIC_USE_AGENT_STORE: 'True' }), { ...place, port: 29401 });
  assert.deepEqual(rankPlace({ ...torchrun, RESCALED_LAUNCH: '1' })!.launcher, 'rescaled launch');
  // A PyTorchJob of one process a pod.
  assert.deepEqual(rankPlace({ RANK: '1', WORLD_SIZE: '2', MASTER_ADDR: 'job-master-0', MASTER_PORT: '23456' }), {
    ...{ rank: 1, world: 2, localRank: 0, localWorld: 1, host: 'job-master-0', port: 23456, launcher: 'torchrun' },
  });
});

test("Slurm's", () => {
  const slurm = {
    ...{ SLURM_PROCID: '9', SLURM_NTASKS: '11', SLURM_LOCALID: '1', SLURM_NODEID: '2', SLURM_STEP_ID: '0' },
    ...{ SLURM_STEP_TASKS_PER_NODE: '4(x2),3', MASTER_ADDR: 'n1', MASTER_PORT: '21234' },
  };
  const place = { rank: 9, world: 11, localRank: 1, localWorld: 3, host: 'n1', port: 21234, launcher: 'Slurm' };
  assert.deepEqual(rankPlace(slurm), place);
  assert.throws(() => rankPlace({ ...slurm, MASTER_ADDR: undefined }), /Expected MASTER_ADDR beside SLURM_PROCID/);
});

test("an indexed Job's", () => {
  const job = { JOB_COMPLETION_INDEX: '2', WORLD_SIZE: '4', MASTER_ADDR: 'rs-0.rs' };
  const place = {
    rank: 2,
    world: 4,
    localRank: 0,
    localWorld: 1,
    host: 'rs-0.rs',
    port: 29500,
    launcher: 'Kubernetes',
  };
  assert.deepEqual(rankPlace(job), place);
});

test('a half-set environment says what is missing, a wrong one what is wrong', () => {
  assert.throws(() => rankPlace({ RANK: '0' }), /Expected WORLD_SIZE beside RANK but it is not set/);
  assert.throws(() => rankPlace({ ...torchrun, MASTER_ADDR: '' }), /Expected MASTER_ADDR beside RANK/);
  assert.throws(
    () => rankPlace({ ...torchrun, RANK: '8' }),
    /Expected a number below 8, the number of ranks, in RANK but received 8/,
  );
  assert.throws(
    () => rankPlace({ ...torchrun, WORLD_SIZE: 'x' }),
    /Expected a whole number in WORLD_SIZE but received "x"/,
  );
  assert.throws(() => rankPlace({ ...torchrun, MASTER_PORT: '0' }), /Expected a port/);
  assert.throws(() => ranksTimeout({ RESCALED_RANKS_TIMEOUT: 'soon' }), /Expected 1 to 86400 seconds/);
  assert.equal(ranksTimeout({ RESCALED_RANKS_TIMEOUT: '2.5' }), 2500);
});

test("this machine's address on the way to another", async () => {
  assert.equal(await addressTowards('127.0.0.1', 9), '127.0.0.1');
  assert.equal(await addressTowards('localhost', 9), '127.0.0.1');
  assert.equal(await addressTowards('no-such-name.invalid', 9), undefined);
});
