import type { Command } from 'commander';
import { UsageError } from '../errors.js';
import { modelNames, PUBLISHED_RESNET_RS } from '../models/index.js';

export function register(program: Command): void {
  program
    .command('models')
    .description('list the models by name')
    .argument('[pattern]', 'only names that contain this')
    .option('--json', 'print as JSON')
    .addHelpText('after', '\nExamples:\n  rescaled models\n  rescaled models rs-101')
    .action((pattern: string | undefined, flags: { json?: boolean }) => {
      const rows = modelNames()
        .filter((name) => pattern === undefined || name.includes(pattern))
        .flatMap((name) => {
          const published = name.startsWith('resnet-rs-') ? PUBLISHED_RESNET_RS.filter(({ depth }) => name === `resnet-rs-${depth}`) : [];
          return published.length === 0 ? [{ name, size: 224 }] : published.map((row, i) => ({ name: i === 0 ? name : `${name}@${row.resolution}`, size: row.resolution, parameters: row.parameters, gmacs: row.gmacs, top1: row.top1 }));
        });
      if (rows.length === 0) throw new UsageError(`Expected part of a model name but no model contains "${pattern}". Try "rescaled models".`);
      if (flags.json === true) return console.log(JSON.stringify(rows, null, 2));
      console.log('name                 size  parameters  multiply-adds  ImageNet top-1 (published)');
      for (const row of rows as { name: string; size: number; parameters?: number; gmacs?: number; top1?: number }[]) {
        const facts = row.parameters !== undefined ? `${(row.parameters / 1e6).toFixed(2).padStart(8)} M  ${row.gmacs!.toFixed(2).padStart(11)} G  ${row.top1!.toFixed(1)} %` : '';
        console.log(`${row.name.padEnd(20)} ${String(row.size).padStart(4)}  ${facts}`.trimEnd());
      }
    });
}
