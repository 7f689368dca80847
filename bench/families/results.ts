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
    };
export type Training = Extract<Line, { kind: 'rate' | 'trial' }>;
export type StepTime = Extract<Line, { kind: 'step' }>;
