import type { Tensor } from 'onnxruntime-node';
import type { DataType } from '../onnx/schema.js';
import { encodeModel, type ModelProto, type ValueInfoProto } from '../onnx/schema.js';
import { openSession, type SessionOptions } from '../session.js';

/** Pictures as a network takes them, in memory. */
export interface Views {
  /** [n, S, S, 3] RGB */
  readonly images: Uint8Array;
  readonly n: number;
  /** Side S. */
  readonly size: number;
}

/** The same of some of them, without a copy. */
export function viewsFrom({ images, n, size }: Views, from: number, to: number): Views {
  const each = size * size * 3;
  const end = Math.min(n, to);
  return { images: images.subarray(from * each, end * each), n: end - from, size };
}

/** Bytes of activations that are looked at together, about. */
const MOST_BYTES = 2 ** 28;
const MOST_PICTURES = 16;

/** A network in ONNX Runtime of which any tensors can be seen. */
export class Probe {
  readonly #opened: Awaited<ReturnType<typeof openSession>>;
  #batch = 1;

  private constructor(opened: Awaited<ReturnType<typeof openSession>>) {
    this.#opened = opened;
  }

  /** @param seen tensors to give out, all of the type `type` */
  static async open(
    model: ModelProto,
    seen: readonly string[],
    type: (typeof DataType)[keyof typeof DataType],
    options: SessionOptions,
  ): Promise<Probe> {
    const output = seen.map((name): ValueInfoProto => ({ name, type: { tensorType: { elemType: type } } }));
    const bytes = encodeModel({ ...model, graph: { ...model.graph, output } });
    return new Probe(await openSession(bytes, 'the network', options));
  }

  /**
   * Runs pictures, as many at a time as memory allows.
   * @param look told of each batch: the tensors by name, and which pictures
   */
  async run(
    views: Views,
    look: (tensors: Readonly<Record<string, Tensor>>, from: number, n: number) => void,
  ): Promise<void> {
    for (let from = 0; from < views.n; ) {
      const some = viewsFrom(views, from, from + this.#batch);
      const { n } = some;
      const tensors = await this.once(some);
      look(tensors, from, n);
      from += n;
      const bytes = Object.values(tensors).reduce((sum, { size, type }) => sum + size * (type === 'uint8' ? 1 : 4), 0);
      this.#batch = Math.max(1, Math.min(MOST_PICTURES, Math.floor((MOST_BYTES * n) / bytes)));
    }
  }

  /** Runs pictures, all at a time. */
  async once({ images, n, size }: Views): Promise<Readonly<Record<string, Tensor>>> {
    const { session, ort } = this.#opened;
    return session.run({ images: new ort.Tensor('uint8', images, [n, size, size, 3]) });
  }

  async close(): Promise<void> {
    await this.#opened.session.release();
  }
}
