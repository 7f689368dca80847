/** What a round is judged by. */
interface Judged {
  top1: number;
  validation?: { top1: number };
}

/** The accuracy that decides which round is taken: not that of the test pictures where there are others. */
const deciding = ({ validation, top1 }: Judged): number => validation?.top1 ?? top1;

/** The round to use. */
export const bestRound = <R extends Judged>(rounds: readonly R[]): R =>
  rounds.reduce((best, round) => (deciding(round) > deciding(best) ? round : best));
