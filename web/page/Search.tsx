import { useEffect, useRef, useState } from 'preact/hooks';
import type { ChangeView } from './useView.js';

/** Between the last letter and the search, in ms. */
const PAUSE = 200;
/** The server takes no more, in characters. */
const LONGEST = 200;

/** Searches as letters are typed; a word's later letters replace the view that its first ones made. */
export function Search({ q, change }: { readonly q: string | undefined; readonly change: ChangeView }) {
  const [text, setText] = useState(q ?? '');
  const asked = useRef(q);
  useEffect(() => {
    // The address changed by other means: a step back, a chip.
    if (q !== asked.current) setText(q ?? '');
    asked.current = q;
  }, [q]);
  useEffect(() => {
    const wanted = text.trim() === '' ? undefined : text.trim();
    if (wanted === asked.current) return;
    const timer = setTimeout(() => {
      const replace = asked.current !== undefined && wanted !== undefined;
      asked.current = wanted;
      change({ q: wanted }, { replace });
    }, PAUSE);
    return () => clearTimeout(timer);
  }, [text, change]);
  return (
    <div class="search" role="search">
      <svg viewBox="0 0 20 20" aria-hidden="true">
        <circle cx="9" cy="9" r="5.500" />
        <path d="m13.200 13.200 4 4" />
      </svg>
      <input
        type="search"
        placeholder="Search the URLs"
        aria-label="Search the URLs by words, the last one by its beginning"
        value={text}
        maxLength={LONGEST}
        onInput={(event) => setText(event.currentTarget.value)}
      />
    </div>
  );
}
