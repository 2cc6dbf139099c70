import type { View } from '../view/address.js';
import type { Overview, SeriesGrain } from '../view/answers.js';
import { boundsName, grainsOf, isoBound, nextWindow, windowName, type Bounds } from '../view/range.js';
import { pointsOf, valueText, type Point } from '../view/series.js';
import { Plot } from './Plot.js';
import { MEASURE_NAMES } from './TotalsPanel.js';
import type { Answered } from './useAnswer.js';
import type { ChangeView } from './useView.js';

const GRAIN_NAMES: Readonly<Record<SeriesGrain, string>> = { hour: 'Hours', day: 'Days', month: 'Months' };

interface Props {
  readonly view: View;
  readonly change: ChangeView;
  readonly figures: Answered<Overview>;
  readonly bounds: Bounds;
  readonly now: number;
}

/** The windows that the series spans: the range asked for, or where it is open, those with figures. */
function spanOf({ range }: Overview): { readonly from: number; readonly to: number } | undefined {
  const from = range.from ?? range.first;
  const to = range.to ?? (range.last === null ? null : nextWindow(range.last, range.grain));
  return from === null || to === null ? undefined : { from, to };
}

function previousStart(answer: Overview, from: number, to: number): number {
  return answer.previous_range?.from ?? from - (to - from);
}

/** The chosen figure over time. */
export function Chart({ view, change, figures, bounds, now }: Props) {
  const { answer, loading } = figures;
  const span = answer && spanOf(answer);
  if (!answer || !span) {
    return <section class="panel chart" aria-label="Over time" aria-busy="true"></section>;
  }
  const { grain } = answer.range;
  const { from, to } = span;
  const points = pointsOf({
    series: answer.series,
    previous: answer.previous_series,
    previousFrom: answer.previous ? previousStart(answer, from, to) : undefined,
    measure: view.measure,
    grain,
    from,
    to,
    now,
  });
  const zoom = (point: Point): void => {
    if (grain === 'hour' || point.value === undefined) return;
    change({
      range: { from: isoBound(point.at), to: isoBound(nextWindow(point.at, grain)) },
      grain: undefined,
    });
  };
  const isBounded = bounds.from !== undefined && bounds.to !== undefined;
  const isBound = answer.series.some((window) => window.unique_users_kind === 'at_most');
  const name = `${MEASURE_NAMES[view.measure]}${view.measure === 'unique_users' && isBound ? ', at most' : ''}`;
  return (
    <section
      class={`panel chart${loading ? ' loading' : ''}`}
      aria-label={`${name} over time`}
      aria-busy={loading}
    >
      <div class="heading">
        <h2>
          {name} <span class="quiet">{boundsName(from, to)}, UTC</span>
        </h2>
        <div class="tools">
          {isBounded && (
            <label class="check">
              <input
                type="checkbox"
                checked={view.compare}
                onChange={(event) => change({ compare: event.currentTarget.checked })}
              />
              Compare with the period before
            </label>
          )}
          <GrainChoice grain={grain} choices={grainsOf(from, to, view.range !== 'all')} change={change} />
        </div>
      </div>
      <Plot
        points={points}
        grain={grain}
        measure={view.measure}
        name={name}
        {...(grain !== 'hour' && { onChoose: zoom })}
      />
      <PointTable points={points} grain={grain} view={view} name={name} />
    </section>
  );
}

interface GrainChoiceProps {
  readonly grain: SeriesGrain;
  readonly choices: readonly SeriesGrain[];
  readonly change: ChangeView;
}

function GrainChoice({ grain, choices, change }: GrainChoiceProps) {
  if (choices.filter((choice) => choice !== grain).length === 0) return null;
  return (
    <div class="choice" role="group" aria-label="A point for each">
      {choices.map((choice) => (
        <button
          key={choice}
          type="button"
          aria-pressed={choice === grain}
          onClick={() => change({ grain: choice })}
        >
          {GRAIN_NAMES[choice]}
        </button>
      ))}
    </div>
  );
}

interface PointTableProps {
  readonly points: readonly Point[];
  readonly grain: SeriesGrain;
  readonly view: View;
  readonly name: string;
}

/** The chart's values as text, for those who read rather than look. */
function PointTable({ points, grain, view, name }: PointTableProps) {
  const hasBefore = points.some((point) => point.before !== undefined);
  return (
    <details class="values">
      <summary>Values as a table</summary>
      <div class="scroll" tabIndex={0} role="region" aria-label={`${name}, values`}>
        <table>
          <thead>
            <tr>
              <th scope="col">Window, UTC</th>
              <th scope="col" class="number">
                {name}
              </th>
              {hasBefore && (
                <th scope="col" class="number">
                  Period before
                </th>
              )}
            </tr>
          </thead>
          <tbody>
            {points
              .filter((point) => point.value !== undefined)
              .map((point) => (
                <tr key={point.at}>
                  <th scope="row">{windowName(point.at, grain)}</th>
                  <td class="number">{valueText(point.value, view.measure)}</td>
                  {hasBefore && <td class="number">{valueText(point.before ?? null, view.measure)}</td>}
                </tr>
              ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}
