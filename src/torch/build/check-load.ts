// Loads the addon named on the command line and leaves. Run as a process of its own by the build, so that an addon
// that crashes or lacks a symbol is found before it takes its place.
import { constants } from 'node:os';

const path = process.argv[2];
if (path === undefined) throw new Error('expected the path of an addon');
// RTLD_NOW: a symbol that is missing is an error here and not in the middle of a training run.
process.dlopen({ exports: {} }, path, constants.dlopen.RTLD_NOW);
