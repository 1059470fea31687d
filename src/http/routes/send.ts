import type { FastifyRequest } from 'fastify';
import type { CreateDirectCommand } from '../../cloud/cloud.ts';
import { directRef } from '../../core/direct/place.ts';
import type { Result } from '../../core/result.ts';
import { parseThingName, shadowKey } from '../../core/shadow/shadow-ref.ts';
import { actorOf, permit, scopedKey } from '../guard.ts';
import type { RequestProblem } from '../problem-response.ts';
import { emptyQuery, readIdempotencyKey, readRequest, sendBody } from '../requests.ts';
import type { RouteParts } from '../respond.ts';
import { defined, fingerprintOf } from './parts.ts';

/** Reads `POST /v1/things/{thing}/commands` with the kind `direct`. */
export function readSend(
  parts: RouteParts,
  request: FastifyRequest,
  thing: string,
): Result<CreateDirectCommand, RequestProblem> {
  const thingName = parseThingName(thing);
  if (!thingName.ok) return thingName;
  const query = readRequest(emptyQuery, request.query, 'query');
  if (!query.ok) return query;
  const body = readRequest(sendBody, request.body, 'body');
  if (!body.ok) return body;
  const key = readIdempotencyKey(request.headers['idempotency-key'] as string | undefined);
  if (!key.ok) return key;
  const ref = directRef(thingName.value);
  const { author, kind: _, sequence, ...wish } = body.value;
  const permitted = permit(parts, request, { action: 'command', ref, command: wish.name });
  if (!permitted.ok) return permitted;
  const by = actorOf(parts, request, author);
  if (!by.ok) return by;
  const rate = parts.guard.mayCommand(ref);
  if (!rate.ok) return rate;
  const idempotency =
    key.value === undefined
      ? undefined
      : { key: scopedKey(parts, request, key.value), fingerprint: fingerprintOf(shadowKey(ref), body.value) };
  return {
    ok: true,
    value: {
      thingName: thingName.value,
      by: by.value,
      ...(defined({ ...wish, sequenceKey: sequence, idempotency }) as Omit<CreateDirectCommand, 'thingName' | 'by'>),
    },
  };
}
