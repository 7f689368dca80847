import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32c } from '../src/crc32c.js';

test('CRC-32C of the examples of RFC 3720, appendix B.4', () => {
  const rising = Uint8Array.from({ length: 32 }, (_, i) => i);
  // An iSCSI read command, as the RFC prints it.
  const command = Buffer.from(
    '01c00000 00000000 00000000 00000000 14000000 00000400 00000014 00000018 28000000 00000000 02000000 00000000'.replaceAll(
      ' ',
      '',
    ),
    'hex',
  );
  assert.equal(crc32c(new Uint8Array(32)), 0x8a9136aa);
  assert.equal(crc32c(new Uint8Array(32).fill(0xff)), 0x62a8ab43);
  assert.equal(crc32c(rising), 0x46dd794e);
  assert.equal(crc32c(rising.slice().reverse()), 0x113fdb5c);
  assert.equal(crc32c(command), 0xd9963a56);
  assert.equal(crc32c(command.subarray(0, 5), command.subarray(5)), 0xd9963a56, 'in parts');
});
