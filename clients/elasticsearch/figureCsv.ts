import { csvLine } from '../../domain/csv.js';
import type { Figure } from './query.js';

/** These columns, in this order, are final: scripts read them. Other figures are in --json. */
export const CSV_HEADER =
  'grain,window_start,url,country,click_count,unique_users,timed_clicks,total_time_spent_ms,avg_time_spent_ms';

export const figureCsv = (f: Figure): string =>
  csvLine([
    f.grain,
    f.window_start ?? '',
    f.url,
    f.country,
    String(f.click_count),
    String(f.unique_users),
    String(f.timed_clicks),
    String(f.total_time_spent_ms),
    f.avg_time_spent_ms === null ? '' : f.avg_time_spent_ms.toFixed(3),
  ]);
