/** A line of results. */
export type Line =
  | {
      kind: 'step';
      family: string;
      /** Processor seconds of a step, the mean of those that were timed. */
      seconds: number;
      stepsPerEpoch: number;
    }
  | {
      /** `rate`: a short training that a learning rate is chosen by. `trial`: one that is compared. */
      kind: 'rate' | 'trial';
      family: string;
      seed: number;
      learningRate: number;
      epochs: number;
      steps: number;
      /** Processor seconds of the steps, those of decoding pictures among them. */
      seconds: number;
      /** Shares of right answers after the last epoch. */
      validation: number;
      test: number;
      trainLoss: number;
    }
  /** A training whose loss became infinite or not a number: its rate is not chosen. */
  | { kind: 'diverged'; of: 'rate' | 'trial'; family: string; seed: number; learningRate: number; epochs: number };
export type Training = Extract<Line, { kind: 'rate' | 'trial' }>;
export type Diverged = Extract<Line, { kind: 'diverged' }>;
export type StepTime = Extract<Line, { kind: 'step' }>;
