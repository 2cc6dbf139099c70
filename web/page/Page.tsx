import { useEffect, useState } from 'preact/hooks';
import { overviewRequest, topRequest, type View } from '../view/address.js';
import { overview, ranking } from '../view/answers.js';
import * as format from '../view/format.js';
import { boundsOf } from '../view/range.js';
import { Chart } from './Chart.js';
import { Controls } from './Controls.js';
import { Countries } from './Countries.js';
import { Filters } from './Filters.js';
import { Freshness } from './Freshness.js';
import { NoClicks, Trouble } from './Notices.js';
import { ThemeButton } from './ThemeButton.js';
import { TotalsPanel } from './TotalsPanel.js';
import { Urls } from './Urls.js';
import { useAnswer } from './useAnswer.js';
import { useClock } from './useClock.js';
import { useView } from './useView.js';

const MINUTE = 60_000;
/** While something is wrong, the page looks again by itself. */
const RETRY_AFTER = 10_000;
const FIRST_URLS = 15;
const ALL_COUNTRIES = 250;

/** What is only a choice of how to read the same figures. */
function filtersOf(view: View): string {
  return JSON.stringify([view.range, view.url, view.q, view.countries]);
}

export function Page() {
  const [view, change] = useView();
  const [troubled, setTroubled] = useState(false);
  const [{ attempt, now }, again] = useClock(troubled ? RETRY_AFTER : MINUTE);
  const [urlLimit, setUrlLimit] = useState(FIRST_URLS);
  const filters = filtersOf(view);
  useEffect(() => setUrlLimit(FIRST_URLS), [filters]);

  const figures = useAnswer(overviewRequest(view, now), overview, attempt);
  const urls = useAnswer(topRequest(view, 'url', urlLimit, now), ranking, attempt);
  const countries = useAnswer(topRequest(view, 'country', ALL_COUNTRIES, now), ranking, attempt);
  const problem = figures.problem ?? urls.problem ?? countries.problem;
  useEffect(() => setTroubled(problem !== undefined && problem.source !== 'request'), [problem]);

  const { answer } = figures;
  const name = answer?.name;
  useEffect(() => {
    if (name !== undefined) document.title = `${name} · Clickstream`;
  }, [name]);
  const bounds = boundsOf(view.range, now);
  const isEmpty = answer?.totals.click_count === 0 && problem === undefined;
  return (
    <>
      <header class="top">
        <h1>
          <svg class="mark" viewBox="0 0 16 16" aria-hidden="true">
            <rect width="16" height="16" rx="4" />
            <path d="M3 11 6.5 7l2.5 2.5L13 5" />
          </svg>
          Clickstream {answer && <span class="quiet">{answer.name}</span>}
        </h1>
        <Freshness freshness={answer?.freshness} now={now} />
        <ThemeButton />
      </header>
      <main>
        <Controls view={view} change={change} bounds={bounds} answer={answer} now={now} />
        <Filters view={view} change={change} />
        <p class="unseen" role="status">
          {answer && !figures.loading && !problem && `${format.count(answer.totals.click_count)} clicks`}
        </p>
        {problem && <Trouble problem={problem} shownSince={figures.at} change={change} again={again} />}
        {(answer !== undefined || problem === undefined) && (
          <div class={problem ? 'stale' : undefined}>
            <TotalsPanel view={view} change={change} figures={figures} bounds={bounds} />
            {isEmpty ? (
              <NoClicks view={view} change={change} answer={answer} />
            ) : (
              <Chart view={view} change={change} figures={figures} bounds={bounds} now={now} />
            )}
            <div class="lists">
              <Urls view={view} change={change} list={urls} limit={urlLimit} setLimit={setUrlLimit} />
              <Countries view={view} change={change} list={countries} />
            </div>
          </div>
        )}
      </main>
    </>
  );
}
