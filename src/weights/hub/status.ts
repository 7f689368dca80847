import { RescaledError } from '../../errors.js';
import { type Answer, clean, PassingError, retryAfter, shown } from '../../net/request.js';

/**
 * Refuses every answer but 200, 206 and 416 (and redirects, which the caller wanted).
 * @param name what was asked for, as the user calls it
 * @throws RescaledError or PassingError
 */
export function checkStatus(answer: Answer, name: string, token: boolean): void {
  const { status, url } = answer;
  if (status === 200 || status === 206 || status === 416 || answer.location !== undefined) return;
  const code = answer.header('x-error-code');
  const said = [code, answer.header('x-error-message')].filter((text) => text !== undefined).join(': ');
  const text = `${shown(url)} answers ${status}${said === '' ? '' : ` (${clean(said)})`}`;
  if (status === 401 || status === 403)
    throw new RescaledError(
      `Expected to be given ${name} but ${text}: it is not there, or not for everybody. ` +
        (token
          ? 'The token in HF_TOKEN was sent: may it read this repository, and have you agreed to its terms?'
          : 'Check the name; where a token is needed, put it into HF_TOKEN.'),
    );
  if (status === 404 || status === 410)
    throw new RescaledError(
      `Expected ${name} but ${text}: ` +
        ({
          EntryNotFound: 'the repository has no such file.',
          RevisionNotFound: 'the repository has no such revision.',
          RepoNotFound: 'there is no such repository.',
        }[code ?? ''] ?? 'there is nothing. Check the name.'),
    );
  if (status === 429 || status === 408 || status >= 500) throw new PassingError(text, retryAfter(answer));
  throw new RescaledError(`Expected ${name} but ${text}.`);
}
