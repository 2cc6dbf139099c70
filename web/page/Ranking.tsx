import type { ComponentChildren } from 'preact';
import type { Measure, View } from '../view/address.js';
import type { Ranking as Answer, Row } from '../view/answers.js';
import * as format from '../view/format.js';
import { Blank, MEASURE_NAMES } from './TotalsPanel.js';
import type { Answered } from './useAnswer.js';
import type { ChangeView } from './useView.js';

const COLUMNS = ['click_count', 'unique_users', 'avg_time_spent_ms'] as const satisfies readonly Measure[];
const SHORT_NAMES: Readonly<Record<Measure, string>> = { ...MEASURE_NAMES, avg_time_spent_ms: 'Time, avg.' };

/** A column's name; people of several figures may be fewer than it says. */
function columnName(column: Measure, rows: readonly Row[]): string {
  const isBound = column === 'unique_users' && rows.some((row) => row.unique_users_kind === 'at_most');
  return isBound ? 'People, max.' : SHORT_NAMES[column];
}

interface Props {
  readonly view: View;
  readonly change: ChangeView;
  readonly list: Answered<Answer>;
  /** At most so many rows; as many wait for the first answer. */
  readonly shown: number;
  /** The heading of the first column. */
  readonly what: string;
  /** Whether the row is a filter already. */
  readonly isChosen: (key: string) => boolean;
  /** A row that is no filter is shown as text. */
  readonly choose: (key: string) => (() => void) | undefined;
  /** The row's name in full. */
  readonly name: (key: string) => string;
  readonly label: (key: string) => ComponentChildren;
  /** What stands at a row's end. */
  readonly extra?: (key: string) => ComponentChildren;
}

/** Rows with their figures, each a filter; the bar behind a name is its share of the highest. */
export function Ranking({ view, change, list, shown, what, isChosen, choose, name, label, extra }: Props) {
  const { answer, loading } = list;
  const rows = answer?.rows.slice(0, shown);
  const highest = Math.max(1, ...(rows ?? []).map((row) => row[view.sort] ?? 0));
  const columns: readonly Measure[] = COLUMNS.some((column) => column === view.sort)
    ? COLUMNS
    : [...COLUMNS.slice(0, 2), view.sort];
  return (
    <table class={`ranking${answer && loading ? ' loading' : ''}`} aria-busy={loading}>
      <thead>
        <tr>
          <th scope="col">{what}</th>
          {columns.map((column) => (
            <th
              key={column}
              scope="col"
              class={`number ${column}`}
              aria-sort={view.sort === column ? 'descending' : undefined}
            >
              <button type="button" class="sort" onClick={() => change({ sort: column })}>
                {columnName(column, rows ?? [])}
              </button>
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows?.map((row) => {
          const pick = choose(row.key);
          const chosen = isChosen(row.key);
          return (
            <tr key={row.key} class={chosen ? 'chosen' : undefined}>
              <th scope="row">
                <span class="bar" style={{ width: `${(100 * (row[view.sort] ?? 0)) / highest}%` }}></span>
                <span class="cell">
                  {pick ? (
                    <button
                      type="button"
                      class="pick"
                      aria-label={name(row.key)}
                      aria-pressed={chosen}
                      onClick={pick}
                    >
                      {label(row.key)}
                    </button>
                  ) : (
                    <span class="pick">{label(row.key)}</span>
                  )}
                  {extra?.(row.key)}
                </span>
              </th>
              {columns.map((column) => (
                <td key={column} class={`number ${column}`}>
                  {cell(row, column)}
                </td>
              ))}
            </tr>
          );
        })}
        {!rows &&
          Array.from({ length: shown }, (_, i) => (
            <tr key={i}>
              <th scope="row">
                <span class="cell">
                  <Blank>{'a name of its own'.slice(i % 5)}</Blank>
                </span>
              </th>
              {columns.map((column) => (
                <td key={column} class={`number ${column}`}>
                  <Blank>000</Blank>
                </td>
              ))}
            </tr>
          ))}
        {rows?.length === 0 && (
          <tr>
            <td colSpan={1 + columns.length} class="quiet nothing">
              Nothing here
            </td>
          </tr>
        )}
      </tbody>
    </table>
  );
}

function cell(row: Row, column: Measure): string {
  const value = row[column];
  if (value === null) return '–';
  return column.endsWith('_ms') ? format.duration(value) : format.count(value);
}
