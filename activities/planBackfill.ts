import { aggregateFingerprint } from '../clients/postgres/aggregate/settings.js';
import { daysToCompute, floorMsOf } from '../clients/postgres/backfill/days.js';
import { withClient } from '../clients/postgres/pool.js';
import { dayMs, dayText, spansOf } from '../domain/backfill/range.js';
import type { BackfillPlan, PlanBackfillInput } from '../domain/stages.js';
import type { BaseDeps } from './deps.js';
import { wrapActivity } from './failure.js';

/** Spans in an answer; Temporal carries references, and never many. */
const PAGE = 200;

/** Says which days of a range there are to compute: those with clicks or figures, above the floor. */
export function createPlanBackfill(deps: BaseDeps): (input: PlanBackfillInput) => Promise<BackfillPlan> {
  return wrapActivity(({ from, to }) =>
    withClient(deps.postgres, `${deps.config.name}:backfill`, async (client) => {
      const floor = await floorMsOf(client);
      const days = (await daysToCompute(client)).filter(
        (day) => (from === undefined || day >= dayMs(from)) && (to === undefined || day < dayMs(to)),
      );
      const spans = spansOf(days);
      const next = spans[PAGE]?.from;
      return {
        spans: spans.slice(0, PAGE),
        days: days.length,
        settings: aggregateFingerprint(deps.config),
        ...(next !== undefined && { next }),
        ...(floor !== undefined && { floor: dayText(floor) }),
      };
    }),
  );
}
