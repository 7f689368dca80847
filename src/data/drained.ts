/** What a generator returns in the end; what it tells on the way is passed over. */
export async function drained<R>(events: AsyncGenerator<unknown, R>): Promise<R> {
  for (;;) {
    const { done, value } = await events.next();
    if (done === true) return value;
  }
}
