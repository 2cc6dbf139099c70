import { DEFAULT_VIEW, type View } from '../view/address.js';
import type { Overview } from '../view/answers.js';
import * as format from '../view/format.js';
import { boundsName, isoBound, nextWindow } from '../view/range.js';
import type { Problem } from './api.js';
import type { ChangeView } from './useView.js';

const DAY = 86_400_000;

interface TroubleProps {
  readonly problem: Problem;
  readonly shownSince: number | undefined;
  readonly change: ChangeView;
  readonly again: () => void;
}

/** What went wrong, and the way on. */
export function Trouble({ problem, shownSince, change, again }: TroubleProps) {
  const clear = (): void => change({ ...DEFAULT_VIEW, grain: undefined, url: undefined, q: undefined });
  const isRequest = problem.source === 'request';
  return (
    <div class="notice trouble" role="alert">
      <div>
        <strong>
          {isRequest ? 'This cannot be shown' : shownSince === undefined ? 'No figures' : 'No new figures'}
        </strong>
        <p>{format.visible(problem.message)}</p>
        <p class="quiet">
          {shownSince !== undefined && `Below are older ones, of ${format.instant(shownSince)}. `}
          {!isRequest && 'The page looks again every 10 seconds.'}
        </p>
      </div>
      {isRequest ? (
        <button type="button" onClick={clear}>
          Show everything
        </button>
      ) : (
        <button type="button" onClick={again}>
          Try again
        </button>
      )}
    </div>
  );
}

interface NoClicksProps {
  readonly view: View;
  readonly change: ChangeView;
  readonly answer: Overview;
}

/** Nothing to show is said in words, with the way to where something is. */
export function NoClicks({ view, change, answer }: NoClicksProps) {
  const last = answer.freshness.last_window;
  if (last === null) {
    return (
      <section class="panel notice empty" aria-label="No figures yet">
        <div>
          <strong>No figures yet</strong>
          <p>
            They appear here after the first run: <code>npx clickstream pipeline</code>. Whether anything
            waits for it says <code>npx clickstream status</code>.
          </p>
        </div>
      </section>
    );
  }
  const isFiltered = view.url !== undefined || view.q !== undefined || view.countries.length > 0;
  // The range of the answer: while another is awaited, that is what had no clicks.
  const { from, to } = answer.range;
  const length = from !== null && to !== null ? to - from : undefined;
  const end = nextWindow(Math.floor(last / DAY) * DAY, 'day');
  const isBefore = length !== undefined && from !== null && last < from;
  return (
    <section class="panel notice empty" aria-label="No clicks">
      <div>
        <strong>
          No clicks {from !== null && to !== null ? `in ${boundsName(from, to)}` : ''}
          {isFiltered ? ' with these filters' : ''}
        </strong>
        <p>The last figures there are belong to {format.day(last)}.</p>
      </div>
      <div class="ways">
        {isFiltered && (
          <button type="button" onClick={() => change({ url: undefined, q: undefined, countries: [] })}>
            Remove the filters
          </button>
        )}
        {isBefore && (
          <button
            type="button"
            onClick={() =>
              change({
                range: {
                  from: isoBound(end - Math.max(DAY, Math.ceil(length / DAY) * DAY)),
                  to: isoBound(end),
                },
                grain: undefined,
              })
            }
          >
            Show the last {length <= DAY ? 'day' : `${Math.round(length / DAY)} days`} that have some
          </button>
        )}
        {view.range !== 'all' && (
          <button type="button" onClick={() => change({ range: 'all', grain: undefined })}>
            Show all time
          </button>
        )}
      </div>
    </section>
  );
}
