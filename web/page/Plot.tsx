import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { TargetedKeyboardEvent, TargetedPointerEvent } from 'preact';
import type { Measure } from '../view/address.js';
import type { SeriesGrain } from '../view/answers.js';
import { windowName } from '../view/range.js';
import { tickText, timeTicks, valueText, valueTicks, type Point } from '../view/series.js';

const HEIGHT = 260;
const MARGIN = { top: 12, right: 14, bottom: 26, left: 56 };
/** Of a name at the time axis, in px. */
const NAME_WIDTH = 76;
/** More points than this are drawn as a line alone. */
const MOST_DOTS = 40;

interface Props {
  readonly points: readonly Point[];
  readonly grain: SeriesGrain;
  readonly measure: Measure;
  readonly name: string;
  /** A click, or Enter, on a point. */
  readonly onChoose?: (point: Point) => void;
}

/** Runs of neighbours that have a value, as [index, value]. */
function runsOf(
  points: readonly Point[],
  valueOf: (point: Point) => number | null | undefined,
): [number, number][][] {
  const runs: [number, number][][] = [];
  points.forEach((point, index) => {
    const value = valueOf(point);
    if (value === null || value === undefined) return;
    const run = runs.at(-1);
    if (run?.at(-1)?.[0] === index - 1) run.push([index, value]);
    else runs.push([[index, value]]);
  });
  return runs;
}

/** A line chart that is read by pointer, or as a slider by arrow keys. */
export function Plot({ points, grain, measure, name, onChoose }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  const [chosen, setChosen] = useState<number>();
  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    const measureWidth = (): void => setWidth(element.clientWidth);
    measureWidth();
    const observer = new ResizeObserver(measureWidth);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  const known = points.findLastIndex((point) => point.value !== undefined);
  const at = chosen !== undefined && chosen < points.length ? chosen : undefined;
  const highest = Math.max(0, ...points.map(({ value, before }) => Math.max(value ?? 0, before ?? 0)));
  const ticks = valueTicks(highest, measure);
  const top = ticks.at(-1) ?? 1;
  const inner = {
    width: Math.max(1, width - MARGIN.left - MARGIN.right),
    height: HEIGHT - MARGIN.top - MARGIN.bottom,
  };
  const x = (index: number): number =>
    MARGIN.left + (points.length === 1 ? inner.width / 2 : (index * inner.width) / (points.length - 1));
  const y = (value: number): number => MARGIN.top + inner.height * (1 - value / top);
  const place = ([index, value]: [number, number]): string => `${x(index).toFixed(1)},${y(value).toFixed(1)}`;
  const line = (run: readonly [number, number][]): string => `M${run.map(place).join('L')}`;

  const runs = runsOf(points, (point) => point.value);
  const before = runsOf(points, (point) => point.before);
  const running = points.findIndex((point) => point.isRunning);

  const onPointer = (event: TargetedPointerEvent<HTMLDivElement>): void => {
    const from = event.currentTarget.getBoundingClientRect().left + MARGIN.left;
    const index = Math.round(((event.clientX - from) / inner.width) * (points.length - 1));
    setChosen(Math.min(points.length - 1, Math.max(0, index)));
  };
  const onKey = (event: TargetedKeyboardEvent<HTMLDivElement>): void => {
    const now = at ?? known;
    const steps: Readonly<Record<string, number>> = {
      ArrowLeft: now - 1,
      ArrowDown: now - 1,
      ArrowRight: now + 1,
      ArrowUp: now + 1,
      PageDown: now - 7,
      PageUp: now + 7,
      Home: 0,
      End: points.length - 1,
    };
    const next = steps[event.key];
    const point = points[now];
    if (next !== undefined) setChosen(Math.min(points.length - 1, Math.max(0, next)));
    else if (event.key === 'Escape') setChosen(undefined);
    else if (event.key === 'Enter' && point) onChoose?.(point);
    else return;
    event.preventDefault();
  };

  const told = points[at ?? known];
  const text = told ? `${windowName(told.at, grain)}: ${sentence(told, measure)}` : 'no windows';
  const point = at === undefined ? undefined : points[at];
  return (
    <div
      ref={box}
      class={`plot${onChoose ? ' choosable' : ''}`}
      role="slider"
      tabIndex={0}
      aria-label={`${name}, a point for each ${grain}${onChoose ? '; Enter shows it alone' : ''}`}
      aria-valuemin={0}
      aria-valuemax={Math.max(0, points.length - 1)}
      aria-valuenow={Math.max(0, at ?? known)}
      aria-valuetext={text}
      onPointerMove={onPointer}
      onPointerDown={onPointer}
      onPointerLeave={() => setChosen(undefined)}
      onBlur={() => setChosen(undefined)}
      onClick={() => point && onChoose?.(point)}
      onKeyDown={onKey}
    >
      <svg width={width} height={HEIGHT} aria-hidden="true">
        {ticks.map((tick) => (
          <g key={tick}>
            <line class="grid" x1={MARGIN.left} x2={MARGIN.left + inner.width} y1={y(tick)} y2={y(tick)} />
            <text class="tick" x={MARGIN.left - 10} y={y(tick) + 4} text-anchor="end">
              {tickText(tick, measure, top)}
            </text>
          </g>
        ))}
        {timeTicks(points, grain, inner.width / NAME_WIDTH).map(({ index, text: label }) => (
          <text
            key={index}
            class="tick"
            x={x(index)}
            y={HEIGHT - 6}
            text-anchor={index === 0 ? 'start' : index === points.length - 1 ? 'end' : 'middle'}
          >
            {label}
          </text>
        ))}
        {before.map((run) => (
          <path key={`before ${run[0]?.[0]}`} class="before" d={line(run)} />
        ))}
        {runs.map((run) => {
          const [first] = run;
          const last = run.at(-1);
          if (!first || !last) return null;
          const isOpen = last[0] === running && run.length > 1;
          const sure = isOpen ? run.slice(0, -1) : run;
          return (
            <g key={first[0]}>
              <path class="area" d={`${line(run)}L${x(last[0])},${y(0)}L${x(first[0])},${y(0)}Z`} />
              <path class="line" d={line(sure)} />
              {isOpen && <path class="line open" d={line(run.slice(-2))} />}
              {(points.length <= MOST_DOTS || run.length === 1) &&
                run.map(([index, value]) => (
                  <circle
                    key={index}
                    class="dot"
                    cx={x(index)}
                    cy={y(value)}
                    r={run.length === 1 ? 3.5 : 2.5}
                  />
                ))}
            </g>
          );
        })}
        {point && at !== undefined && (
          <g>
            <line class="guide" x1={x(at)} x2={x(at)} y1={MARGIN.top} y2={MARGIN.top + inner.height} />
            {typeof point.before === 'number' && (
              <circle class="mark before" cx={x(at)} cy={y(point.before)} r={4} />
            )}
            {typeof point.value === 'number' && <circle class="mark" cx={x(at)} cy={y(point.value)} r={5} />}
          </g>
        )}
      </svg>
      {point && at !== undefined && (
        <Tip point={point} grain={grain} measure={measure} x={x(at)} width={width} />
      )}
    </div>
  );
}

function sentence(point: Point, measure: Measure): string {
  const now = `${valueText(point.value, measure)}${point.isRunning ? ' so far' : ''}`;
  return point.before === undefined
    ? now
    : `${now}; in the period before ${valueText(point.before, measure)}`;
}

interface TipProps {
  readonly point: Point;
  readonly grain: SeriesGrain;
  readonly measure: Measure;
  readonly x: number;
  readonly width: number;
}

function Tip({ point, grain, measure, x, width }: TipProps) {
  const toTheLeft = x > width / 2;
  return (
    <div
      class={`tip${toTheLeft ? ' left' : ''}`}
      style={{ transform: `translateX(${x}px) translateX(${toTheLeft ? 'calc(-100% - 12px)' : '12px'})` }}
      aria-hidden="true"
    >
      <span class="quiet">{windowName(point.at, grain)}</span>
      <strong>
        {valueText(point.value, measure)}
        {point.isRunning && ' so far'}
      </strong>
      {point.before !== undefined && <span class="quiet">before: {valueText(point.before, measure)}</span>}
    </div>
  );
}
