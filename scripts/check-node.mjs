// The first thing that every script here imports: an older Node reads what is imported next to each other before it
// runs any of it, and stops at the first word that it does not know. So the scripts load the rest after this, by
// import(), and what stands here is plain enough for Node 12.
import { readFileSync } from 'node:fs';

/** The oldest Node that is served, of package.json, such as "20.19". */
const oldest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).engines.node.slice(2);
const [major, minor] = process.versions.node.split('.').map(Number);
const [least, leastMinor] = oldest.split('.').map(Number);
if (major < least || (major === least && minor < leastMinor)) {
  const here = process.versions.node;
  console.error(`Expected Node ${oldest} or newer but this is ${here}. Get a newer one from https://nodejs.org.`);
  process.exit(2);
}
