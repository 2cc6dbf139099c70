import type { ComponentChildren } from 'preact';
import type { View } from '../view/address.js';
import * as format from '../view/format.js';
import type { ChangeView } from './useView.js';
import { UrlText } from './UrlText.js';

/** What narrows the figures, each with its way out. */
export function Filters({ view, change }: { readonly view: View; readonly change: ChangeView }) {
  const { url, q, countries } = view;
  const filters = (url === undefined ? 0 : 1) + (q === undefined ? 0 : 1) + countries.length;
  if (filters === 0) return null;
  return (
    <ul class="chips" aria-label="Filters">
      {url !== undefined && (
        <Chip name="URL" label={format.shortened(url, 80)} remove={() => change({ url: undefined })}>
          <UrlText url={url} />
        </Chip>
      )}
      {q !== undefined && (
        <Chip name="Search" label={q} remove={() => change({ q: undefined })}>
          <span>{format.visible(q)}</span>
        </Chip>
      )}
      {countries.map((country) => (
        <Chip
          key={country}
          name="Country"
          label={format.shortened(format.countryName(country), 80)}
          remove={() => change({ countries: countries.filter((other) => other !== country) })}
        >
          <span>{format.shortened(format.countryName(country), 80)}</span>
        </Chip>
      ))}
      {filters > 1 && (
        <li>
          <button
            type="button"
            class="plain"
            onClick={() => change({ url: undefined, q: undefined, countries: [] })}
          >
            Remove all
          </button>
        </li>
      )}
    </ul>
  );
}

interface ChipProps {
  readonly name: string;
  readonly label: string;
  readonly remove: () => void;
  readonly children: ComponentChildren;
}

function Chip({ name, label, remove, children }: ChipProps) {
  return (
    <li class="chip">
      <span class="quiet">{name}</span>
      {children}
      <button type="button" class="icon" onClick={remove} aria-label={`Remove the filter ${name} ${label}`}>
        <svg viewBox="0 0 20 20" aria-hidden="true">
          <path d="m6 6 8 8M14 6l-8 8" />
        </svg>
      </button>
    </li>
  );
}
