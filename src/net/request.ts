import type { Dispatcher, EnvHttpProxyAgent } from 'undici';
import { RescaledError, UsageError } from '../errors.js';
import { packageVersion } from '../package-root.js';

/** A failure that may be gone on the next try. */
export class PassingError extends Error {
  constructor(
    message: string,
    /** What the server asks to wait. */
    readonly waitMs?: number,
  ) {
    super(message);
  }
}

const CONNECT_MS = 15_000;
/** Without a header or a further byte. */
const SILENT_MS = 30_000;
/** Of what a server says, in a message. */
const MOST_TEXT = 200;
const MOST_REDIRECTS = 8;

const isLoopback = ({ hostname }: URL): boolean => /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);

const header = ({ headers }: Dispatcher.ResponseData, name: string): string | undefined => {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
};

export interface Answer {
  url: URL;
  status: number;
  header(name: string): string | undefined;
  /** Read it to its end or `drop` it. */
  body: Dispatcher.ResponseData['body'];
  /** Where a redirect that was not followed leads. */
  location?: URL;
}

export interface Asked {
  method?: 'GET' | 'HEAD';
  headers?: Record<string, string>;
  /** Redirects are followed until this holds of an answer. */
  enough?: (answer: Answer) => boolean;
  signal?: AbortSignal;
}

/**
 * Requests of one caller: through the proxies that the environment names (HTTPS_PROXY, HTTP_PROXY, NO_PROXY),
 * encrypted except with this machine and a host that the user named, with the token for its own host alone.
 */
export class Connection {
  readonly #request: typeof import('undici').request;
  readonly #agent: EnvHttpProxyAgent;
  readonly #home?: URL;
  readonly #token?: string;
  readonly #advice: string;
  #heard = false;

  /**
   * @param home a host that may be spoken to unencrypted, and the only one that gets the token
   * @param advice a sentence for whoever cannot reach a host
   * @throws UsageError when a variable does not hold a proxy
   */
  static async open(options: { home?: URL; token?: string; advice?: string } = {}): Promise<Connection> {
    // Loaded with the first download: commands that fetch nothing start without it.
    return new Connection(await import('undici'), options);
  }

  private constructor(
    undici: typeof import('undici'),
    { home, token, advice = '' }: { home?: URL; token?: string; advice?: string },
  ) {
    this.#request = undici.request;
    this.#advice = advice;
    this.#home = home;
    this.#token = token;
    try {
      this.#agent = new undici.EnvHttpProxyAgent({
        connect: { timeout: CONNECT_MS },
        headersTimeout: SILENT_MS,
        bodyTimeout: SILENT_MS,
        proxyTunnel: false,
      });
    } catch (cause) {
      throw new UsageError(
        `Expected an address such as http://proxy:3128 in HTTPS_PROXY and HTTP_PROXY: ${(cause as Error).message}.`,
        { cause },
      );
    }
  }

  close(): Promise<void> {
    return this.#agent.destroy();
  }

  /**
   * One request and the redirects after it.
   * @throws RescaledError when it cannot succeed, PassingError when it may on another try
   */
  async ask(start: URL, { method = 'GET', headers = {}, enough = () => false, signal }: Asked = {}): Promise<Answer> {
    const seen: string[] = [];
    for (let url = start; ; ) {
      this.#check(url, seen);
      seen.push(url.href);
      const answer = await this.#once(url, method, headers, signal);
      if (answer.location === undefined || enough(answer)) return answer;
      await drop(answer);
      url = answer.location;
    }
  }

  #check(url: URL, seen: readonly string[]): void {
    const before = seen.at(-1);
    const from = before === undefined ? '' : `${shown(new URL(before))} redirects to it; `;
    const plain = url.protocol === 'http:' && (isLoopback(url) || url.origin === this.#home?.origin);
    if (url.protocol !== 'https:' && !(plain && before?.startsWith('https:') !== true))
      throw new RescaledError(
        `Expected an https address but it is ${shown(url)}. ${from}only encrypted addresses are fetched from.`,
      );
    if (seen.includes(url.href))
      throw new RescaledError(`Expected a file but ${shown(url)} redirects in a circle. Try again later.`);
    if (seen.length > MOST_REDIRECTS)
      throw new RescaledError(`Expected a file but ${shown(new URL(seen[0]!))} redirects ${seen.length} times.`);
  }

  async #once(
    url: URL,
    method: 'GET' | 'HEAD',
    headers: Record<string, string>,
    signal?: AbortSignal,
  ): Promise<Answer> {
    const own = this.#token !== undefined && url.origin === this.#home?.origin;
    let response: Dispatcher.ResponseData;
    try {
      response = await this.#request(url, {
        method,
        dispatcher: this.#agent,
        signal,
        headers: {
          'user-agent': `rescaled/${packageVersion}`,
          // Lengths and ranges are those of the file.
          'accept-encoding': 'identity',
          ...headers,
          ...(own ? { authorization: `Bearer ${this.#token}` } : {}),
        },
      });
    } catch (error) {
      throw this.failure(error, url);
    }
    this.#heard = true;
    const to = response.statusCode >= 300 && response.statusCode < 400 ? header(response, 'location') : undefined;
    if (to !== undefined && !URL.canParse(to, url.href))
      throw new RescaledError(`Expected an address but ${shown(url)} redirects to "${clean(to)}".`);
    return {
      url,
      status: response.statusCode,
      header: (name) => header(response, name),
      body: response.body,
      ...(to === undefined ? {} : { location: new URL(to, url) }),
    };
  }

  /** What a failed request or a body that broke off is to the caller. Errors that are none of these come back as they are. */
  failure(error: unknown, url: URL): unknown {
    const { code = '', name, message } = error as NodeJS.ErrnoException;
    if (name === 'AbortError') return error;
    const host = shown(new URL(url.origin));
    if (/^(ENOTFOUND|ECONNREFUSED|ENETUNREACH|EHOSTUNREACH|EAI_AGAIN|UND_ERR_CONNECT_TIMEOUT)$/.test(code)) {
      const text = `${host} cannot be reached: ${code}`;
      if (this.#heard) return new PassingError(text);
      return new RescaledError(`${text}. Is this machine connected? Behind a proxy, set HTTPS_PROXY.${this.#advice}`, {
        cause: error,
      });
    }
    if (/CERT|SIGNED|ISSUER|UNABLE_TO_VERIFY|ERR_TLS/.test(code))
      return new RescaledError(
        `Expected ${host} to prove who it is but its certificate is not accepted: ${code}. ` +
          'Where a proxy signs with its own, name its file in NODE_EXTRA_CA_CERTS.',
        { cause: error },
      );
    if (/^Proxy response/.test(message))
      return new RescaledError(
        `Expected the proxy of HTTPS_PROXY to lead to ${host} but it refuses: ${clean(message)}. NO_PROXY excepts hosts from it.`,
        { cause: error },
      );
    if (/^(UND_ERR|E[A-Z]+$|HPE_)/.test(code) || /terminated|closed|hang up/i.test(message))
      return new PassingError(`the connection with ${host} broke off (${code || clean(message)})`);
    return error;
  }
}

/** Ends an answer that is not needed. */
export async function drop({ body }: Answer): Promise<void> {
  // At most so much is read to keep the connection for the next request.
  await body.dump({ limit: 65_536 }).catch(() => {});
}

/** An address without its query, which may be a key to the file. */
export const shown = (url: URL): string => clean(`${url.origin}${url.pathname === '/' ? '' : url.pathname}`);

/** What a server says, fit for a terminal. */
export const clean = (text: string): string => text.replace(/[\u0000-\u001f\u007f-\u009f]/g, ' ').slice(0, MOST_TEXT);

/** How long a server asks to wait, in milliseconds: seconds or a date. Source: RFC 9110, section 10.2.3. */
export function retryAfter(answer: Answer): number | undefined {
  const text = answer.header('retry-after');
  if (text === undefined) return undefined;
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}
