// Who is told of a change, until they ask not to be.

export class Listeners<T> {
  private readonly all = new Set<(value: T) => void>();

  /** Tell `run` of every change until the returned function is called. */
  add(run: (value: T) => void): () => void {
    this.all.add(run);
    return () => {
      this.all.delete(run);
    };
  }

  tell(value: T): void {
    for (const run of [...this.all]) run(value);
  }
}
