import { stat } from 'node:fs/promises';
import path from 'node:path';
import type { AccessRule, Grant, Principal } from '../../core/access/access.ts';
import { ok, type Result } from '../../core/result.ts';
import type { AccessControl, AccessLimits, TokenVerifier } from '../../ports/access-control.ts';
import type { Log } from '../../ports/log.ts';
import type { IssuerEntry } from '../../protocol/access-file.ts';
import { readAccessFile } from './access-file.ts';
import { Credentials } from './credentials.ts';

/** How long a revoked key may live on. A look at the file costs microseconds. */
const LOOK_EVERY_MS = 500;

export interface AccessParts {
  readonly file: string;
  readonly log: Log;
  readonly createTokens: (issuers: readonly IssuerEntry[], at: { folder: string }) => Promise<Result<TokenVerifier>>;
  /** Wall clock, in milliseconds since the epoch. */
  readonly now: () => number;
}

/**
 * Access control by a file that is read again when it, or a key set beside it, changes. A file that cannot be read or is
 * wrong changes nothing: the last good state stays in force, and the log says so.
 */
export class WatchedAccess implements AccessControl {
  readonly #parts: AccessParts;
  #current: Credentials;
  #seen: string;
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> = Promise.resolve();

  private constructor(parts: AccessParts, current: Credentials, seen: string) {
    this.#parts = parts;
    this.#current = current;
    this.#seen = seen;
    this.#timer = setInterval(() => void this.refresh(), LOOK_EVERY_MS);
    this.#timer.unref();
  }

  static async open(parts: AccessParts): Promise<Result<WatchedAccess>> {
    const loaded = await load(parts);
    if (!loaded.ok) return loaded;
    return ok(new WatchedAccess(parts, loaded.value, await traceOf(parts.file, loaded.value)));
  }

  get limits(): AccessLimits {
    return this.#current.file.limits;
  }

  authenticate(bearer: string): Promise<Result<Principal>> {
    return this.#current.authenticate(bearer);
  }

  rulesOf(grant: Grant): Result<readonly AccessRule[]> {
    return this.#current.rulesOf(grant);
  }

  /** Looks now. Called by itself twice a second. */
  refresh(): Promise<void> {
    this.#looking = this.#looking.then(() => this.#look());
    return this.#looking;
  }

  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  async #look(): Promise<void> {
    const trace = await traceOf(this.#parts.file, this.#current);
    if (trace === this.#seen) return;
    this.#seen = trace;
    const { log, file } = this.#parts;
    const loaded = await load(this.#parts);
    if (!loaded.ok) {
      log.error({ file, code: loaded.problem.code, detail: loaded.problem.message }, 'access file not taken over');
      return;
    }
    this.#current = loaded.value;
    this.#seen = await traceOf(file, loaded.value);
    log.info({ file, keys: loaded.value.file.keys.length }, 'access file read again');
  }
}

async function load({ file, createTokens, now }: AccessParts): Promise<Result<Credentials>> {
  const read = await readAccessFile(file);
  if (!read.ok) return read;
  const tokens = await createTokens(read.value.issuers, { folder: path.dirname(path.resolve(file)) });
  return tokens.ok ? ok(new Credentials(read.value, tokens.value, now)) : tokens;
}

/** What changes when one of the files does: a replaced file has another inode even within one tick of its clock. */
async function traceOf(file: string, { file: { issuers } }: Credentials): Promise<string> {
  const folder = path.dirname(path.resolve(file));
  const keySets = issuers.map(({ jwks }) => jwks).filter((jwks) => !/^https?:/i.test(jwks));
  const traces = [file, ...keySets.map((jwks) => path.resolve(folder, jwks))].map((each) =>
    stat(each, { bigint: true }).then(
      ({ ino, size, mtimeNs, ctimeNs }) => `${ino}.${size}.${mtimeNs}.${ctimeNs}`,
      () => 'missing',
    ),
  );
  return (await Promise.all(traces)).join(' ');
}
