import { useCallback, useEffect, useState } from 'preact/hooks';

/** `attempt` counts the times that the figures were to be asked for; `now` is the moment of the last, in ms. */
export interface Clock {
  readonly attempt: number;
  readonly now: number;
}

/** Asks again every `every` ms while the page is seen, and when it is seen again after that long. */
export function useClock(every: number): readonly [Clock, () => void] {
  const [clock, setClock] = useState<Clock>(() => ({ attempt: 0, now: Date.now() }));
  const again = useCallback(() => setClock(({ attempt }) => ({ attempt: attempt + 1, now: Date.now() })), []);
  useEffect(() => {
    const left = Math.max(0, clock.now + every - Date.now());
    const askIfSeen = (): void => {
      if (document.visibilityState === 'visible' && Date.now() >= clock.now + every) again();
    };
    const timer = setTimeout(askIfSeen, left + 50);
    document.addEventListener('visibilitychange', askIfSeen);
    return () => {
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', askIfSeen);
    };
  }, [clock, every, again]);
  return [clock, again];
}
