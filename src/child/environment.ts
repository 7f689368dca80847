/** Variables for a child beside those of this process; undefined takes one away. */
export type OwnVariables = Readonly<Record<string, string | undefined>>;

/**
 * The environment of every child. What a native library reads when it is loaded (OpenMP, OpenBLAS) belongs here: in
 * the child itself it may come too late.
 */
export function childEnvironment(own: OwnVariables = {}, env: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries({ ...env, ...own }).filter(([, value]) => value !== undefined));
}
