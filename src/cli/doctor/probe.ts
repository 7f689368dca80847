// Loads one native part in a process of its own and prints what it finds as one line of JSON. `rescaled doctor` starts
// it, so that a library that crashes the process is a finding and not the end of the report.
import { readFileSync } from 'node:fs';
import { blasEnvironment } from '../../torch/build/cpu.js';
import type { EngineProbe, PackageProbe } from './checks.js';

/** What src/torch/index.ts tells about the loaded engine. */
type EngineInfo = Omit<EngineProbe, 'blasLibraries' | 'openblasCoreType' | 'jpeg'>;

async function probeEngine(): Promise<EngineProbe> {
  // libblas reads this when it is loaded, so it must be in place before the import.
  Object.assign(process.env, blasEnvironment());
  const torch = (await import(new URL('../../torch/index.js', import.meta.url).href)) as { engineInfo(): EngineInfo };
  const { addon } = await import('../../torch/addon.js');
  return {
    ...torch.engineInfo(),
    jpeg: addon().jpegPart !== undefined,
    blasLibraries: mappedBlas(),
    openblasCoreType: process.env['OPENBLAS_CORETYPE'] ?? '',
  };
}

/** The BLAS libraries that are in this process now. A libtorch wheel has its BLAS inside and shows none. */
function mappedBlas(): string[] {
  try {
    const maps = readFileSync('/proc/self/maps', 'utf8');
    const paths = [...maps.matchAll(/\s(\/\S*\/lib(?:blas|openblas|mkl|blis|atlas|cblas)[^/\s]*\.so[^/\s]*)$/gm)];
    return [...new Set(paths.map((match) => match[1] as string))];
  } catch {
    return [];
  }
}

async function probeSharp(): Promise<PackageProbe> {
  const { default: sharp } = await import('sharp');
  // A real round trip: the JavaScript half loads without its native library, decoding does not.
  const png = await sharp({ create: { width: 2, height: 2, channels: 3, background: '#f00' } })
    .png()
    .toBuffer();
  const { width } = await sharp(png).metadata();
  if (width !== 2) throw new Error(`a picture 2 pixels wide came back as ${width}`);
  return { version: sharp.versions['sharp'] ?? '', detail: `libvips ${sharp.versions['vips'] ?? '?'}` };
}

async function probeOnnxRuntime(): Promise<PackageProbe> {
  const ort = await import('onnxruntime-node');
  const names = ort.listSupportedBackends().map(({ name }) => name);
  return { version: ort.env.versions.node ?? ort.env.versions.common, detail: `backends ${names.join(', ')}` };
}

const probes: Record<string, () => Promise<unknown>> = {
  engine: probeEngine,
  sharp: probeSharp,
  'onnxruntime-node': probeOnnxRuntime,
};

const probe = probes[process.argv[2] ?? ''];
if (probe === undefined) throw new Error(`expected one of ${Object.keys(probes).join(', ')}`);
try {
  console.log(JSON.stringify({ value: await probe() }));
} catch (error) {
  console.log(JSON.stringify({ error: error instanceof Error ? error.message : String(error) }));
}
// Some native libraries keep threads that would hold the process open.
process.exit(0);
