export interface SelectFlags {
  out?: string;
}
export async function select(_labels: string, _flags: SelectFlags): Promise<void> {}
