import type { ComponentChildren } from 'preact';
import { MEASURES, type Measure, type View } from '../view/address.js';
import type { Overview, Totals } from '../view/answers.js';
import * as format from '../view/format.js';
import { boundsName, type Bounds } from '../view/range.js';
import type { Answered } from './useAnswer.js';
import type { ChangeView } from './useView.js';

export const MEASURE_NAMES: Readonly<Record<Measure, string>> = {
  click_count: 'Clicks',
  unique_users: 'People',
  avg_time_spent_ms: 'Time, average',
  total_time_spent_ms: 'Time, total',
  bot_clicks: 'Clicks by bots',
};

const PEOPLE: Readonly<
  Record<Totals['unique_users_kind'], { readonly sign: string; readonly note: string }>
> = {
  exact: { sign: '', note: 'counted exactly' },
  estimate: { sign: '≈ ', note: 'an estimate, within about 3 %' },
  at_most: { sign: '≤ ', note: 'at most: who saw several pages counts for each' },
};

function valueOf(totals: Totals, measure: Measure): string {
  const value = totals[measure];
  if (value === null) return '–';
  if (measure.endsWith('_ms')) return totals.timed_clicks === 0 ? '–' : format.duration(value);
  return measure === 'unique_users' && value > 0
    ? PEOPLE[totals.unique_users_kind].sign + format.count(value)
    : format.count(value);
}

function noteOf(totals: Totals, measure: Measure): string {
  const { click_count: clicks, bot_clicks: bots, timed_clicks: timed } = totals;
  if (clicks === 0) return '';
  switch (measure) {
    case 'click_count':
      return bots === 0 ? 'none of them by bots' : 'bots included';
    case 'unique_users':
      return PEOPLE[totals.unique_users_kind].note;
    case 'avg_time_spent_ms':
      return timed === 0 ? 'known for no click' : `time known for ${format.share(timed, clicks)} of clicks`;
    case 'total_time_spent_ms':
      return timed === 0 ? 'known for no click' : `over ${format.count(timed)} clicks`;
    case 'bot_clicks':
      return `${format.share(bots, clicks)} of clicks`;
  }
}

/** As long as what will stand there, so that nothing moves when it comes. */
const NOTE_TO_COME: Readonly<Record<Measure, string>> = {
  click_count: 'bots included',
  unique_users: PEOPLE.at_most.note,
  avg_time_spent_ms: 'time known for so many',
  total_time_spent_ms: 'over 0,000 clicks',
  bot_clicks: '0.0 % of clicks',
};

interface Props {
  readonly view: View;
  readonly change: ChangeView;
  readonly figures: Answered<Overview>;
  readonly bounds: Bounds;
}

/** The figures over the whole range; the chosen one is drawn below. */
export function TotalsPanel({ view, change, figures, bounds }: Props) {
  const { answer, loading } = figures;
  return (
    <section
      class={`totals panel${answer && loading ? ' loading' : ''}`}
      aria-label="Totals"
      aria-busy={loading}
    >
      {MEASURES.map((measure) => (
        <button
          key={measure}
          type="button"
          class="total"
          aria-pressed={view.measure === measure}
          onClick={() => change({ measure })}
        >
          <span class="name">{MEASURE_NAMES[measure]}</span>
          <span class="value">
            {answer ? valueOf(answer.totals, measure) : <Blank>00,000</Blank>}
            {answer?.previous && (
              <Delta
                now={answer.totals[measure]}
                before={answer.previous[measure]}
                bounds={bounds}
                answer={answer}
              />
            )}
          </span>
          <span class="note">
            {answer ? noteOf(answer.totals, measure) : <Blank>{NOTE_TO_COME[measure]}</Blank>}
          </span>
        </button>
      ))}
    </section>
  );
}

/** The room of a text that is still to come. */
export function Blank({ children }: { readonly children: ComponentChildren }) {
  return (
    <span class="blank" aria-hidden="true">
      {children}
    </span>
  );
}

interface DeltaProps {
  readonly now: number | null;
  readonly before: number | null;
  readonly bounds: Bounds;
  readonly answer: Overview;
}

/** The change from the period before; there is none from nothing. */
function Delta({ now, before, bounds, answer }: DeltaProps) {
  if (now === null || before === null || before === 0) return null;
  const period = answer.previous_range
    ? boundsName(answer.previous_range.from, answer.previous_range.to)
    : 'the period before';
  const percent = Math.round((100 * (now - before)) / before);
  const amount = `${format.count(Math.abs(percent))} %`;
  const than = percent === 0 ? `as in ${period}` : `${percent > 0 ? 'more' : 'less'} than in ${period}`;
  const isRunning = bounds.to !== undefined && bounds.to > Date.now();
  return (
    <span class="delta" title={`${amount} ${than}${isRunning ? '; this period is not over' : ''}`}>
      <span class="amount" aria-hidden="true">
        {percent !== 0 && (
          <svg viewBox="0 0 10 10">
            <path d={percent > 0 ? 'M5 9V1.500M2 4.500l3-3 3 3' : 'M5 1v7.500M2 5.500l3 3 3-3'} />
          </svg>
        )}
        {amount}
      </span>
      <span class="unseen">{`${amount} ${than}`}</span>
    </span>
  );
}
