/** What a program of `bench/processes` was started with. */
export function options<T>(): T {
  return JSON.parse(process.argv[2] ?? '{}') as T;
}

export function ready(what: unknown = {}): void {
  process.on('SIGTERM', () => process.exit(0)); // by default a profile would not be written
  process.on('disconnect', () => process.exit(0)); // nobody is left behind, however the benchmark ended
  process.send?.(what);
}

/** Answers the questions of the benchmark one by one. */
export function answer<Question>(how: (question: Question) => unknown): void {
  process.on('message', (question) => {
    void Promise.resolve(how(question as Question)).then((reply) => process.send?.(reply ?? {}));
  });
}

/** Processor time of this process so far, all threads. */
export function cpuMs(): { cpuMs: number } {
  const { user, system } = process.cpuUsage();
  return { cpuMs: (user + system) / 1_000 };
}
