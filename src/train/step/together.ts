import type { Ema } from '../../optim/index.js';
import { packageVersion } from '../../package-root.js';
import type { RunConfig } from '../../run/config.js';
import { engineInfo } from '../../torch/index.js';
import type { Learner } from '../learner.js';
import { digest, type Ranks } from './ranks.js';

/** All ranks begin with rank 0's weights, once they are found to be of one mind. */
export async function startTogether(
  ranks: Ranks,
  config: RunConfig,
  { model, optimiser }: Learner,
  ema: Ema | undefined,
): Promise<void> {
  if (ranks.world === 1) return;
  const { device: _device, ...shared } = config;
  await ranks.agree({
    version: packageVersion,
    libtorch: engineInfo().libtorch,
    options: digest(JSON.stringify(shared)),
    model: digest(JSON.stringify([...model.state()].map(([key, { shape }]) => [key, shape]))),
  });
  await ranks.useCards(config.device);
  const slots = [...optimiser.slots.values()].flatMap((slot) => [...slot.values()]);
  await ranks.same([...model.state().values(), ...slots, ...(ema?.shadow.values() ?? [])]);
}
