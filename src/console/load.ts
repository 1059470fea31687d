import { useEffect, useState } from 'preact/hooks';
import type { Answer, ApiProblem } from './api.ts';
import { changes } from './live.ts';

export interface Loaded<T> {
  readonly value?: T;
  readonly problem?: ApiProblem;
}

/**
 * Asks when `key` changes and whenever something changed on the server. What was shown stays until the new answer is
 * here; an answer that was overtaken is dropped.
 */
export function useLoad<T>(key: string, ask: () => Promise<Answer<T>>): Loaded<T> & { reload: () => void } {
  const [loaded, setLoaded] = useState<Loaded<T> & { key: string }>({ key });
  const [again, setAgain] = useState(0);
  const tick = changes.value;
  useEffect(() => {
    let current = true;
    void ask().then((answer) => {
      if (!current) return;
      if (answer.ok) setLoaded({ key, value: answer.value });
      else setLoaded((before) => ({ ...(before.key === key ? before : { key }), problem: answer.problem }));
    });
    return () => {
      current = false;
    };
  }, [key, tick, again]);
  const reload = () => setAgain((count) => count + 1);
  return loaded.key === key ? { ...loaded, reload } : { reload };
}
