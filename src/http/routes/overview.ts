import type { FastifyInstance } from 'fastify';
import type { DriftCounts, FleetOverview } from '../../ports/ledger.ts';
import { visibleTo } from '../guard.ts';
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

/** The fleet at a glance: of what the caller may look at, and nothing else. */
export function overviewRoutes(app: FastifyInstance, parts: RouteParts): void {
  const { cloud } = parts;
  route(app, OPERATIONS.overview, async ({ request, reply }) => {
    const query = readRequest(emptyQuery, request.query, 'query');
    if (!query.ok) return respond({ parts, request, reply }, query, String);
    const scope = visibleTo(parts, request);
    const [overview, counts] = await Promise.all([
      cloud.overview(scope),
      cloud.driftCounts(
        scope === undefined ? {} : { scope },
        AGES.slice(1).map(({ fromMs }) => fromMs),
      ),
    ]);
    if (!counts.ok) return respond({ parts, request, reply }, counts, String);
    return respond({ parts, request, reply }, overview, (found) => overviewView(found, counts.value));
  });
}

function overviewView({ things, shadows }: FleetOverview, counts: DriftCounts): OverviewView {
  const { fields, byCause, ignored, acknowledged } = counts;
  const olderThan = [fields, ...(counts.olderThan ?? [])];
  const ages = AGES.map(({ label }, index) => ({
    label,
    fields: (olderThan[index] ?? 0) - (olderThan[index + 1] ?? 0),
  }));
  return { things, shadows, drift: { fields, byCause, ignored, acknowledged, ages } };
}
