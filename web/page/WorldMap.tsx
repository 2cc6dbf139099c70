import { useEffect, useMemo, useState } from 'preact/hooks';
import * as z from 'zod/mini';
import type { Measure } from '../view/address.js';
import type { Row } from '../view/answers.js';
import * as format from '../view/format.js';
import { valueText } from '../view/series.js';

/** The name of the file that the build drew; it is fetched when the figures stand already. */
declare const MAP_FILE: string;

const outlines = z.object({
  width: z.number(),
  height: z.number(),
  countries: z.record(z.string(), z.string()),
  others: z.string(),
});
type Outlines = z.infer<typeof outlines>;

const SHADES = 5;

/**
 * Figures of countries spread over powers of ten: the shades are steps of their logarithm, from the lowest to the
 * highest there is.
 */
function shadesOf(values: readonly number[]): (value: number | null | undefined) => number {
  const known = values.filter((value) => value > 0).map(Math.log);
  const lowest = Math.min(...known);
  const step = (Math.max(...known) - lowest) / SHADES;
  return (value) => {
    if (!value) return 0;
    return step === 0 ? SHADES : Math.min(SHADES, 1 + Math.floor((Math.log(value) - lowest) / step));
  };
}

interface Props {
  readonly rows: readonly Row[] | undefined;
  readonly measure: Measure;
  readonly chosen: readonly string[];
  readonly toggle: (country: string) => void;
}

/** The world by the chosen figure. For the pointer alone: the list beside it does the same for keys and readers. */
export function WorldMap({ rows, measure, chosen, toggle }: Props) {
  const [map, setMap] = useState<Outlines>();
  const [pointed, setPointed] = useState<string>();
  const hasRows = rows !== undefined;
  useEffect(() => {
    if (!hasRows || map) return;
    // Without a map the list beside it still says all.
    fetch(MAP_FILE)
      .then((response) => response.json())
      .then((json: unknown) => setMap(outlines.parse(json)))
      .catch(() => undefined);
  }, [hasRows, map]);
  const values = useMemo(() => new Map(rows?.map((row) => [row.key, row[measure]])), [rows, measure]);
  const shadeOf = useMemo(() => shadesOf([...values.values()].map((value) => value ?? 0)), [values]);
  return (
    <div class="map" aria-hidden="true" onPointerLeave={() => setPointed(undefined)}>
      {map && (
        <svg viewBox={`0 0 ${map.width} ${map.height}`}>
          <path class="land" d={map.others} />
          {Object.entries(map.countries).map(([code, outline]) => {
            const value = values.get(code);
            return (
              <path
                key={code}
                data-country={code}
                class={`land shade-${shadeOf(value)}${chosen.includes(code) ? ' chosen' : ''}${value === undefined ? '' : ' known'}`}
                d={outline}
                onPointerEnter={() => setPointed(code)}
                {...(value !== undefined && { onClick: () => toggle(code) })}
              />
            );
          })}
        </svg>
      )}
      <p class="map-caption quiet">
        {pointed !== undefined ? (
          <>
            {format.countryName(pointed)}{' '}
            <strong>{values.has(pointed) ? valueText(values.get(pointed), measure) : 'no clicks'}</strong>
          </>
        ) : (
          map && values.size > 0 && <Scale />
        )}
      </p>
    </div>
  );
}

/** What the shades mean. */
function Scale() {
  return (
    <>
      less
      <svg viewBox={`0 0 ${SHADES * 16} 10`}>
        {Array.from({ length: SHADES }, (_, i) => (
          <rect key={i} class={`shade-${i + 1}`} x={i * 16} width="14" height="10" rx="2" />
        ))}
      </svg>
      more
    </>
  );
}
