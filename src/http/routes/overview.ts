import type { FastifyInstance } from 'fastify';
import type { DriftCounts, FleetOverview } from '../../ports/ledger.ts';
import { permitEverywhere } from '../guard.ts';
import { OPERATIONS } from '../operations.ts';
import { emptyQuery, readRequest } from '../requests.ts';
import { respond, type RouteParts } from '../respond.ts';
import { route } from '../route.ts';
import type { OverviewView } from '../views/drift.ts';

/** Where one age ends and the next begins; each label tells its own and everything up to the next one. */
const AGES = [
  { label: 'up to 10 minutes', fromMs: 0 },
  { label: 'over 10 minutes', fromMs: 600_000 },
  { label: 'over 1 hour', fromMs: 3_600_000 },
  { label: 'over 1 day', fromMs: 86_400_000 },
  { label: 'over 1 week', fromMs: 604_800_000 },
] as const;

export function overviewRoutes(app: FastifyInstance, parts: RouteParts): void {
  const { cloud } = parts;
  route(app, OPERATIONS.overview, async ({ request, reply }) => {
    const query = readRequest(emptyQuery, request.query, 'query');
    const permitted = query.ok ? permitEverywhere(parts, request, 'look') : query;
    if (!permitted.ok) return respond({ parts, request, reply }, permitted, String);
    const [overview, counts] = await Promise.all([
      cloud.overview(AGES.slice(1).map(({ fromMs }) => fromMs)),
      cloud.driftCounts({}),
    ]);
    if (!counts.ok) return respond({ parts, request, reply }, counts, String);
    return respond({ parts, request, reply }, overview, (found) => overviewView(found, counts.value));
  });
}

function overviewView({ things, shadows, driftOlderThan }: FleetOverview, counts: DriftCounts): OverviewView {
  const { fields, byCause, ignored, acknowledged } = counts;
  const olderThan = [fields, ...driftOlderThan];
  const ages = AGES.map(({ label }, index) => ({
    label,
    fields: (olderThan[index] ?? 0) - (olderThan[index + 1] ?? 0),
  }));
  return { things, shadows, drift: { fields, byCause, ignored, acknowledged, ages } };
}
