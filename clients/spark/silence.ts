/** Watches a stream that says nothing: quiet because there is nothing to say, or because the way to it is cut. */
export interface Silence {
  /** The reader is busy: whatever comes waits for it. */
  readonly pause: () => void;
  readonly resume: () => void;
  readonly stop: () => void;
}

export interface SilenceReactions {
  /** Asks the server by another call; rejects where no answer comes. */
  readonly probe: () => Promise<void>;
  readonly alive: () => void;
  readonly lost: () => void;
}

/** After each `silenceMs` without a word the server is asked; without an answer the stream counts as lost. */
export function watchSilence(silenceMs: number, { probe, alive, lost }: SilenceReactions): Silence {
  let timer: NodeJS.Timeout | undefined;
  let watching = 0;
  const resume = (): void => {
    clearTimeout(timer);
    const mine = (watching += 1);
    timer = setTimeout(() => {
      probe().then(
        () => {
          if (mine !== watching) return;
          alive();
          resume();
        },
        () => {
          if (mine === watching) lost();
        },
      );
    }, silenceMs);
  };
  const pause = (): void => {
    clearTimeout(timer);
    watching += 1;
  };
  resume();
  return { pause, resume, stop: pause };
}
