/** What a file that is still being written says of its length. */
const UNKNOWN = [0, 0xffffffff];
const HEAD = 12;

/**
 * Whether an AVI is shorter than its first chunk says (RIFF: 'RIFF', bytes that follow as uint32, 'AVI '): ffmpeg
 * reads what there is of it without a word.
 * @param head its first bytes @param size of the file, in bytes
 */
export function isCutAvi(head: Uint8Array, size: number): boolean {
  if (head.length < HEAD) return false;
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  const text = (at: number): string => String.fromCharCode(...head.subarray(at, at + 4));
  if (text(0) !== 'RIFF' || text(8) !== 'AVI ') return false;
  const told = view.getUint32(4, true);
  return !UNKNOWN.includes(told) && told + 8 > size;
}
