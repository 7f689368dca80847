// `npm run docs:api`: the reference of the public interface (src/index.ts), made by TypeDoc into build/api/. Its pages are
// made on demand and not kept. A link that leads nowhere is an error; warnings name what is exported and not described.
import './check-node.mjs';
import { register } from 'node:module';
import { join } from 'node:path';
import { root } from './lib.mjs';

// TypeDoc works with the compiler's JavaScript interface, which TypeScript 7 does not have any more: it is given TypeScript 6.
const hook = `export const resolve = (name, context, next) => next(name === 'typescript' ? 'legacy-typescript' : name, context);`;
register(`data:text/javascript,${encodeURIComponent(hook)}`);

const { Application } = await import('typedoc');
const app = await Application.bootstrap({
  entryPoints: [join(root, 'src', 'index.ts')],
  tsconfig: join(root, 'tsconfig.json'),
  readme: 'none',
  name: 'Rescaled',
  disableGit: true,
  sourceLinkTemplate: '{path}',
  excludePrivate: true,
  excludeInternal: true,
  // The compiler of the project has checked the types.
  skipErrorChecking: true,
  validation: { invalidLink: true, notExported: false, notDocumented: process.argv.includes('--undocumented') },
  logLevel: 'Warn',
});
const project = await app.convert();
if (project === undefined) process.exit(1);
app.validate(project);
const links = app.logger.warningCount > 0 && !process.argv.includes('--undocumented');
if (links || app.logger.hasErrors()) process.exit(1);
await app.generateDocs(project, join(root, 'build', 'api'));
console.log(`reference of the public interface: ${join(root, 'build', 'api', 'index.html')}`);
