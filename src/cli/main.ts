#!/usr/bin/env node
// An old Node reads all that is imported before it runs any of it, and would stop at the first word that it does not
// know. So the program itself is loaded after the check, and what stands here and there is plain.
import './check-node.js';

void import('./start.js');
