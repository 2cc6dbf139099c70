/**
 * How the servers come up, for a person: on a terminal one line a server, drawn over in place; elsewhere a line
 * for each change.
 */
import { SERVER_NAMES, TITLES, type Progress, type ServerName } from './model.js';

export interface ProgressView {
  readonly onProgress: (progress: Progress) => void;
  /** What else goes on meanwhile: one line below the servers', drawn over on a terminal. */
  readonly note: (text: string) => void;
  /** Draws the last state and leaves the cursor below it. */
  close(): void;
}

interface Line extends Progress {
  readonly since: number;
  readonly until?: number;
}

const REDRAW_MS = 250;
/** Below this a guess of the time left is noise. */
const WORTH_SAYING_SECONDS = 20;
const SYMBOL = {
  working: ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'],
  ready: '✔',
  failed: '✘',
} as const;

export function createProgressView(stream: NodeJS.WriteStream, live: boolean): ProgressView {
  return live ? liveView(stream) : plainView(stream);
}

function plainView(stream: NodeJS.WritableStream): ProgressView {
  const said = new Map<ServerName, string>();
  const begun = Date.now();
  return {
    onProgress({ server, state, what }) {
      // Counts that grow are not changes: the words without their digits are.
      const key = `${state} ${what.replaceAll(/\d[\d,]*/g, '')}`;
      if (said.get(server) === key) return;
      said.set(server, key);
      const symbol = state === 'working' ? ' ' : SYMBOL[state];
      stream.write(`${symbol} ${TITLES[server].padEnd(14)} ${what}  (${clock(Date.now() - begun)})\n`);
    },
    note: (text) => {
      stream.write(`  ${text}\n`);
    },
    close: () => undefined,
  };
}

function liveView(stream: NodeJS.WriteStream): ProgressView {
  const lines = new Map<ServerName, Line>();
  let drawn = 0;
  let frame = 0;
  let noted: string | undefined;
  const draw = () => {
    frame += 1;
    const texts = SERVER_NAMES.flatMap((name) => {
      const line = lines.get(name);
      return line ? [render(line, frame)] : [];
    });
    const left = timeLeft([...lines.values()]);
    if (left) texts.push(left);
    if (noted !== undefined) texts.push(noted);
    const width = stream.columns || 80;
    const up = drawn > 0 ? `\x1b[${drawn}A` : '';
    stream.write(`${up}${texts.map((text) => `\x1b[2K${text.slice(0, width - 1)}\n`).join('')}\x1b[0J`);
    drawn = texts.length;
  };
  const timer = setInterval(draw, REDRAW_MS);
  timer.unref();
  return {
    onProgress(progress) {
      const before = lines.get(progress.server);
      const done = progress.state === 'working' ? {} : { until: before?.until ?? Date.now() };
      lines.set(progress.server, { ...progress, since: before?.since ?? Date.now(), ...done });
    },
    note(text) {
      noted = `  ${text}`;
    },
    close() {
      clearInterval(timer);
      draw();
    },
  };
}

function render(line: Line, frame: number): string {
  const symbol =
    line.state === 'working' ? SYMBOL.working[frame % SYMBOL.working.length] : SYMBOL[line.state];
  const elapsed = clock((line.until ?? Date.now()) - line.since);
  return `${symbol} ${TITLES[line.server].padEnd(14)} ${line.what.padEnd(44)} ${elapsed}`;
}

/** All run in parallel, so the longest one decides. */
function timeLeft(lines: readonly Line[]): string | undefined {
  const guesses = lines.filter((line) => line.state === 'working').map((line) => line.secondsLeft ?? 0);
  const seconds = Math.max(0, ...guesses);
  return seconds < WORTH_SAYING_SECONDS ? undefined : `  about ${roughly(seconds)} left`;
}

/** @param seconds At least 0. */
export const roughly = (seconds: number): string =>
  seconds < 90 ? `${Math.max(1, Math.ceil(seconds / 10)) * 10} s` : `${Math.round(seconds / 60)} min`;

/** @param ms At least 0. @returns `0:07`, `12:34`. */
export function clock(ms: number): string {
  const seconds = Math.floor(ms / 1_000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}
