import { useEffect, useState } from 'preact/hooks';
import { exportAddress, type View } from '../view/address.js';
import type { Overview } from '../view/answers.js';
import { PRESETS, PRESET_NAMES, type Bounds } from '../view/range.js';
import { CustomRange } from './CustomRange.js';
import { Search } from './Search.js';
import type { ChangeView } from './useView.js';

interface Props {
  readonly view: View;
  readonly change: ChangeView;
  readonly bounds: Bounds;
  readonly answer: Overview | undefined;
  readonly now: number;
}

export function Controls({ view, change, bounds, answer, now }: Props) {
  const isCustom = typeof view.range !== 'string';
  const [isOpen, setOpen] = useState(isCustom);
  useEffect(() => setOpen(isCustom), [isCustom]);
  return (
    <section class="controls" aria-label="What is shown">
      <div class="choice" role="group" aria-label="Range of time, in UTC">
        {PRESETS.map((preset) => (
          <button
            key={preset}
            type="button"
            aria-pressed={!isOpen && view.range === preset}
            onClick={() => {
              setOpen(false);
              change({ range: preset, grain: undefined });
            }}
          >
            {PRESET_NAMES[preset]}
          </button>
        ))}
        <button type="button" aria-pressed={isOpen} aria-expanded={isOpen} onClick={() => setOpen(true)}>
          Custom
        </button>
      </div>
      <Search q={view.q} change={change} />
      <a class="button" href={exportAddress(view, now, answer?.range.grain ?? 'day')} download>
        Export CSV
      </a>
      {isOpen && <CustomRange bounds={bounds} answer={answer} change={change} />}
    </section>
  );
}
