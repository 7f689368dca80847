import { runCommandLine } from './program.js';

// A reader that stops early, such as `head`, is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
process.stderr.on('error', () => {});

process.exitCode = await runCommandLine(process.argv.slice(2));
