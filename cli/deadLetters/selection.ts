import { REFUSED } from '../../activities/refusedRows.js';
import { UsageError } from '../../domain/errors.js';
import { REASONS } from '../../domain/event/decoder.js';
import { LETTER_ID, type ReplaySelection } from '../../domain/stages.js';
import { isoOption } from '../format/window.js';

/** The options that choose dead letters, as commander gives them. */
export interface SelectionOptions {
  readonly reason?: string;
  readonly field?: string;
  readonly id?: readonly string[];
  readonly from?: string;
  readonly to?: string;
}

/** Every reason that a dead letter can have. */
const LETTER_REASONS: readonly string[] = [...REASONS, REFUSED];

/** A selection travels through Temporal: of more, the reason or the time is the better choice. */
const MAX_IDS = 1000;

/** @throws UsageError naming the option */
export function selectionOf(options: SelectionOptions): ReplaySelection {
  const { reason, field, id, from, to } = options;
  if (reason !== undefined && !LETTER_REASONS.includes(reason))
    throw new UsageError(
      `--reason: expected one of ${LETTER_REASONS.join(', ')}, got ${JSON.stringify(reason)}`,
    );
  const ids = id?.flatMap((text) => text.split(',')).map(letterId);
  if (ids !== undefined && ids.length > MAX_IDS)
    throw new UsageError(
      `--id: expected at most ${MAX_IDS}, got ${ids.length}; choose by --reason or --from`,
    );
  return {
    ...(reason !== undefined && { reason }),
    ...(field !== undefined && { field }),
    ...(ids !== undefined && { ids }),
    ...(from !== undefined && { from: isoOption('--from', from) }),
    ...(to !== undefined && { to: isoOption('--to', to) }),
  };
}

export function letterId(text: string): string {
  if (!LETTER_ID.test(text)) throw new UsageError(`id: expected a whole number, got ${JSON.stringify(text)}`);
  return text;
}
