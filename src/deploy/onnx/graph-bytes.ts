import { RescaledError } from '../../errors.js';

/** ModelProto.graph and opset_import (onnx.proto3). */
const KEPT = [7, 8];

/**
 * The parts of an ONNX file that decide what it computes, network and weights, as they lie in it: without the names of programs
 * and the metadata, which may differ between two exports of the same model.
 * @throws RescaledError when it is no such file
 */
export function* graphBytes(file: Uint8Array): Generator<Uint8Array> {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = file[at++];
      if (byte === undefined || scale > 2 ** 49)
        throw new RescaledError('Expected an ONNX file but it is damaged or cut off.');
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  };
  while (at < file.length) {
    const begin = at;
    const tag = varint();
    const wire = tag % 8;
    if (wire === 0) varint();
    else if (wire === 1) at += 8;
    else if (wire === 5) at += 4;
    else if (wire === 2) {
      const length = varint();
      at += length;
    } else throw new RescaledError('Expected an ONNX file but it is damaged.');
    if (at > file.length) throw new RescaledError('Expected an ONNX file but it is cut off.');
    if (KEPT.includes(Math.floor(tag / 8))) yield file.subarray(begin, at);
  }
}
