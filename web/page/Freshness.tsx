import type { Overview } from '../view/answers.js';
import * as format from '../view/format.js';

/** How old the figures are, and what made them; what the server does not know is left out. */
export function Freshness({ freshness, now }: { freshness: Overview['freshness'] | undefined; now: number }) {
  if (!freshness) return <p class="freshness" aria-hidden="true"></p>;
  const { last_event: event, last_window: window, last_run: run, lag_records: lag } = freshness;
  return (
    <p class="freshness">
      {event !== null ? (
        <span title={format.instant(event)}>Last click {format.instant(event)}</span>
      ) : window !== null ? (
        <span>Figures up to the window of {format.instant(window)}</span>
      ) : (
        <span>No figures yet</span>
      )}
      {run && (
        <span title={`${run.workflow_id}, ${format.instant(run.at)}`}>
          Last run {format.ago(run.at, now)}: {run.outcome}
        </span>
      )}
      {lag !== null && (
        <span>{lag === 0 ? 'Nothing waits in Kafka' : `${format.count(lag)} records wait in Kafka`}</span>
      )}
      {freshness.index_in_step === false && <span class="warning">The index is behind the figures</span>}
      {freshness.runs_url !== null && format.isWebAddress(freshness.runs_url) && (
        <a href={freshness.runs_url} target="_blank" rel="noopener noreferrer">
          Runs<span class="unseen"> in Temporal, in a new tab</span>
        </a>
      )}
    </p>
  );
}
