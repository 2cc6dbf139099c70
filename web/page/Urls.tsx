import { useEffect, useState } from 'preact/hooks';
import type { View } from '../view/address.js';
import type { Ranking as Answer } from '../view/answers.js';
import * as format from '../view/format.js';
import { Ranking } from './Ranking.js';
import { UrlText } from './UrlText.js';
import type { Answered } from './useAnswer.js';
import type { ChangeView } from './useView.js';

/** The next number of rows that "More" asks for; the server's bound is the last. */
const STEPS = [50, 250];

interface Props {
  readonly view: View;
  readonly change: ChangeView;
  readonly list: Answered<Answer>;
  readonly limit: number;
  readonly setLimit: (limit: number) => void;
}

export function Urls({ view, change, list, limit, setLimit }: Props) {
  const next = STEPS.find((step) => step > limit);
  return (
    <section class="panel" aria-label="Top URLs">
      <h2>Top URLs</h2>
      <Ranking
        view={view}
        change={change}
        list={list}
        shown={limit}
        what="URL"
        isChosen={(url) => view.url === url}
        choose={(url) => () => change({ url: view.url === url ? undefined : url })}
        name={(url) => format.shortened(format.visible(url), SAID)}
        label={(url) => <UrlText url={url} />}
        extra={(url) => <UrlTools url={url} />}
      />
      {list.answer?.more &&
        (next === undefined ? (
          <p class="quiet">There are more: search for them, or export them all as CSV.</p>
        ) : (
          <button type="button" class="plain" onClick={() => setLimit(next)}>
            Show {next}
          </button>
        ))}
    </section>
  );
}

/** A screen reader says no more of a URL, in characters. */
const SAID = 200;
const SAID_FOR = 1_500;

function UrlTools({ url }: { readonly url: string }) {
  const [isCopied, setCopied] = useState(false);
  useEffect(() => {
    if (!isCopied) return;
    const timer = setTimeout(() => setCopied(false), SAID_FOR);
    return () => clearTimeout(timer);
  }, [isCopied]);
  const name = format.shortened(format.visible(url), SAID);
  // Only a page of https or of this machine may write there.
  const canCopy = 'clipboard' in navigator;
  return (
    <span class="row-tools">
      {format.isWebAddress(url) && (
        <a
          class="icon"
          href={url}
          target="_blank"
          rel="noopener noreferrer nofollow"
          aria-label={`Open ${name} in a new tab`}
          title="Open in a new tab"
        >
          <svg viewBox="0 0 20 20" aria-hidden="true">
            <path d="M8 5H5v10h10v-3M11 4h5v5M16 4l-7 7" />
          </svg>
        </a>
      )}
      {canCopy && (
        <button
          type="button"
          class="icon"
          aria-label={isCopied ? 'Copied' : `Copy ${name}`}
          title={isCopied ? 'Copied' : 'Copy the whole URL'}
          onClick={() =>
            void navigator.clipboard.writeText(url).then(
              () => setCopied(true),
              () => undefined,
            )
          }
        >
          <svg viewBox="0 0 20 20" aria-hidden="true">
            {isCopied ? (
              <path d="m5 10.500 3.500 3.500L15 6.500" />
            ) : (
              <path d="M7.500 7.500h8v8h-8zM12.500 7.500v-3h-8v8h3" />
            )}
          </svg>
        </button>
      )}
    </span>
  );
}
