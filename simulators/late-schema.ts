import { createRequire } from 'node:module';
import type { z as zod } from 'zod';

type Zod = typeof zod;

/**
 * A schema that is made at its first use, and zod read only then: a hundred files, which take longer than all else that a test
 * waits for when it starts a cloud, and few tests load a dump or set a fault.
 */
export function lateSchema<Schema extends object>(make: (z: Zod) => Schema): () => Schema {
  let schema: Schema | undefined;
  return () => (schema ??= make((createRequire(import.meta.url)('zod') as { z: Zod }).z));
}
