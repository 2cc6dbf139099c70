import { useState } from 'preact/hooks';
import type { TargetedSubmitEvent } from 'preact';
import type { Overview } from '../view/answers.js';
import { isoBound, nextWindow, type Bounds } from '../view/range.js';
import type { ChangeView } from './useView.js';

const DAY = 86_400_000;

const isoDay = (at: number): string => new Date(at).toISOString().slice(0, 10);

interface Props {
  readonly bounds: Bounds;
  readonly answer: Overview | undefined;
  readonly change: ChangeView;
}

/** Two days, both inclusive, as people mean them; they start as those that are shown. */
export function CustomRange({ bounds, answer, change }: Props) {
  const { first, last, grain } = answer?.range ?? { first: null, last: null, grain: 'day' as const };
  const from = bounds.from ?? first;
  const to = bounds.to ?? (last === null ? null : nextWindow(last, grain));
  const start = from === null ? '' : isoDay(from);
  const end = to === null ? '' : isoDay(to - 1);
  return <Days key={`${start} ${end}`} first={start} last={end} change={change} />;
}

interface DaysProps {
  readonly first: string;
  readonly last: string;
  readonly change: ChangeView;
}

function Days({ first, last, change }: DaysProps) {
  const [start, setStart] = useState(first);
  const [end, setEnd] = useState(last);
  const isBackwards = start !== '' && end !== '' && end < start;
  const submit = (event: TargetedSubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    if (isBackwards || (start === '' && end === '')) return;
    const range = {
      ...(start !== '' && { from: start }),
      ...(end !== '' && { to: isoBound(Date.parse(end) + DAY) }),
    };
    change({ range, grain: undefined });
  };
  return (
    <form class="custom" onSubmit={submit}>
      <label>
        From
        <input
          type="date"
          min="2000-01-01"
          max="2100-12-31"
          value={start}
          onInput={(e) => setStart(e.currentTarget.value)}
        />
      </label>
      <label>
        to, inclusive
        <input
          type="date"
          min="2000-01-01"
          max="2100-12-31"
          value={end}
          onInput={(e) => setEnd(e.currentTarget.value)}
          aria-invalid={isBackwards}
          aria-describedby={isBackwards ? 'backwards' : undefined}
        />
      </label>
      <button type="submit">Show</button>
      <span class="quiet">days in UTC</span>
      {isBackwards && (
        <span class="warning" id="backwards" role="alert">
          The last day is before the first.
        </span>
      )}
    </form>
  );
}
