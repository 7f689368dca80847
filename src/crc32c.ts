/** Remainders of all bytes for the Castagnoli polynomial 0x1EDC6F41, bits reversed. */
const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = (value >>> 1) ^ (value & 1 ? 0x82f63b78 : 0);
  return value >>> 0;
});

/** CRC-32C (RFC 3720, appendix B.4) of the parts one after the other. */
export function crc32c(...parts: Uint8Array[]): number {
  let value = 0xffffffff;
  for (const part of parts)
    for (let i = 0; i < part.length; i++) value = (value >>> 8) ^ table[(value ^ part[i]!) & 0xff]!;
  return ~value >>> 0;
}

/**
 * As LevelDB and TensorFlow store it, so that a checksum of data with checksums stays good: `rotate right 15, plus
 * 0xa282ead8`.
 */
export function maskedCrc32c(...parts: Uint8Array[]): number {
  const value = crc32c(...parts);
  return (((value >>> 15) | (value << 17)) + 0xa282ead8) >>> 0;
}
