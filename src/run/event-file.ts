import protobuf from 'protobufjs/light.js';
import { maskedCrc32c } from '../crc32c.js';

/**
 * TensorBoard's event files. A file is a row of TFRecords, each an `Event`:
 * ```
 * uint64 length | uint32 masked CRC-32C of the length | bytes | uint32 masked CRC-32C of the bytes      (little-endian)
 * ``` Field numbers: tensorflow/core/util/event.proto and framework/summary.proto. Scalars are `simple_value`, which
 * every TensorBoard reads.
 */
export interface Event {
  /** Seconds since 1970. */
  wallTime: number;
  step?: number;
  /** `brain.Event:2` in the first event of a file. */
  fileVersion?: string;
  summary?: { value: { tag: string; simpleValue: number }[] };
  /** status 1: a session starts. TensorBoard then forgets what it has read of this step and later ones. */
  sessionLog?: { status: number };
}

export const FILE_VERSION = 'brain.Event:2';
export const SESSION_START = 1;

const one = (type: string, id: number) => ({ type, id });
const type = protobuf.Root.fromJSON({
  nested: {
    // `oneofs` as in the format: their members are written also where they are 0.
    Event: {
      oneofs: { what: { oneof: ['fileVersion', 'summary', 'sessionLog'] } },
      fields: {
        wallTime: one('double', 1),
        step: one('int64', 2),
        fileVersion: one('string', 3),
        summary: one('Summary', 5),
        sessionLog: one('SessionLog', 7),
      },
    },
    Summary: { fields: { value: { rule: 'repeated', type: 'Value', id: 1 } } },
    Value: {
      oneofs: { value: { oneof: ['simpleValue'] } },
      fields: { tag: one('string', 1), simpleValue: one('float', 2) },
    },
    SessionLog: { fields: { status: one('int32', 1) } },
  },
}).lookupType('Event');

/** Length and its checksum. */
const HEAD = 12;
const TAIL = 4;

/** An event as a record of the file. */
export function encodeEvent(event: Event): Uint8Array {
  const bytes = type.encode(event).finish();
  const record = Buffer.alloc(HEAD + bytes.length + TAIL);
  record.writeBigUInt64LE(BigInt(bytes.length));
  record.writeUInt32LE(maskedCrc32c(record.subarray(0, 8)), 8);
  record.set(bytes, HEAD);
  record.writeUInt32LE(maskedCrc32c(bytes), HEAD + bytes.length);
  return record;
}

/** The events of a file and where each ends; a record that is cut off or damaged, and all after it, is left out. */
export function* decodeEvents(file: Buffer): Generator<{ event: Event; end: number }> {
  let at = 0;
  while (at + HEAD + TAIL <= file.length) {
    const length = Number(file.readBigUInt64LE(at));
    const end = at + HEAD + length + TAIL;
    if (file.readUInt32LE(at + 8) !== maskedCrc32c(file.subarray(at, at + 8)) || end > file.length) return;
    const bytes = file.subarray(at + HEAD, end - TAIL);
    if (file.readUInt32LE(end - TAIL) !== maskedCrc32c(bytes)) return;
    yield { event: type.toObject(type.decode(bytes), { longs: Number }) as Event, end };
    at = end;
  }
}
