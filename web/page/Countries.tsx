import { useState } from 'preact/hooks';
import type { View } from '../view/address.js';
import type { Ranking as Answer } from '../view/answers.js';
import * as format from '../view/format.js';
import { Ranking } from './Ranking.js';
import type { Answered } from './useAnswer.js';
import type { ChangeView } from './useView.js';
import { WorldMap } from './WorldMap.js';

const FIRST = 8;

interface Props {
  readonly view: View;
  readonly change: ChangeView;
  readonly list: Answered<Answer>;
}

export function Countries({ view, change, list }: Props) {
  const [isWhole, setWhole] = useState(false);
  const { countries } = view;
  const toggle = (country: string): void =>
    change({
      countries: countries.includes(country)
        ? countries.filter((other) => other !== country)
        : [...countries, country],
    });
  const all = list.answer?.rows.length ?? 0;
  return (
    <section class="panel" aria-label="Top countries">
      <h2>Top countries</h2>
      <WorldMap rows={list.answer?.rows} measure={view.sort} chosen={countries} toggle={toggle} />
      <Ranking
        view={view}
        change={change}
        list={list}
        shown={isWhole ? Math.max(all, FIRST) : FIRST}
        what="Country"
        isChosen={(country) => countries.includes(country)}
        choose={(country) => () => toggle(country)}
        name={format.countryName}
        label={(country) => (
          <span class="name" title={format.countryName(country)}>
            {format.countryName(country)}
          </span>
        )}
      />
      {all > FIRST && (
        <button type="button" class="plain" aria-expanded={isWhole} onClick={() => setWhole(!isWhole)}>
          {isWhole ? `Show the first ${FIRST}` : `Show all ${all}`}
        </button>
      )}
    </section>
  );
}
