/** Thrown when a tensor is used after `dispose()` or after the scope that made it has ended. */
export class TensorDisposedError extends Error {
  constructor(use: string) {
    super(
      `${use}: this tensor has been disposed. A tensor made inside scope() ends with it ` +
        'unless it is returned from it or kept with keep().',
    );
    this.name = 'TensorDisposedError';
  }
}
