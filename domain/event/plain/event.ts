/**
 * The decoder's short way for plain events, compiled once from the mapping: it finds where the values stand in the
 * bytes of a record, so that they are copied from there. What is not plain, in the event or in the mapping, is left to
 * the decoder, and so is every rejection: what this gives is what the decoder gives, or nothing.
 */
import type { Column, ColumnType, Config } from '../../config/config.js';
import { FAMILIES, type Family } from '../../names.js';
import { bounded, converter, toText, type Converter } from '../convert.js';
import { madeEventId, ownEventId } from '../eventId.js';
import { PlaceCompiler, type Lookup } from '../lookup.js';
import { Rejection } from '../rejection.js';
import { checkPlausible, timeReader } from '../time.js';
import type { Enrichers, Hash, RecordInBytes, RecordSource } from '../types.js';
import { EventView } from '../view.js';
import type { OpenPlainKernel, PlainKernel } from './kernel.js';
import * as Kind from './kinds.js';
import { isPlain, MADE, NONE, PlainPaths, UNSURE, type PlainPlace } from './places.js';
import { PlainScanner } from './scanner.js';
import { plainCondition, type PlainCondition } from './where.js';

export interface PlainColumn {
  readonly type: ColumnType;
  readonly places: readonly PlainPlace[];
  readonly required: boolean;
  /** Of the column with the role url, where an empty text is no value. */
  readonly isUrl: boolean;
  /** Of the column with the role user, whose length is bounded. */
  readonly isKey: boolean;
  /** As the decoder's, for values that are not copied. */
  readonly convert: Converter;
}

export class PlainEvent {
  /** Of the event that `begin` was given. */
  readonly eventId: Uint8Array;
  eventTimeUs = 0;
  /** The value that `find` last answered MADE for. */
  made: unknown;
  /** Feeds the enrichments. */
  readonly view: EventView;
  readonly columns: Readonly<Record<Family, readonly PlainColumn[]>>;
  readonly kernel: PlainKernel;
  readonly scanner: PlainScanner;
  private readonly where: readonly (PlainCondition | undefined)[];
  private readonly id: readonly PlainPlace[];
  private readonly time: readonly PlainPlace[];
  /** ISO is the first of the time's formats. */
  private readonly iso: boolean;
  private readonly readTime: ReturnType<typeof timeReader>;

  private constructor(
    config: Config,
    enrich: Enrichers,
    private readonly hash: Hash,
    open: OpenPlainKernel,
  ) {
    const { event, families, roles } = config;
    const sources = [event.address, event.agent, event.referrer, roles.url.from];
    const paths = new PlainPaths(new PlaceCompiler(event.nulls), sources.flat().every(isPlain));
    const same = (a: Column, b: Column | undefined): boolean => a.family === b?.family && a.name === b.name;
    const compile = (column: Column): PlainColumn => {
      const isUrl = same(column, roles.url);
      const isKey = same(column, roles.user) && !isUrl;
      const convert = converter(column.type, event.time);
      return {
        type: column.type,
        places: paths.placesOf(column.from),
        required: column.required,
        isUrl,
        isKey,
        convert: isKey ? bounded(convert) : convert,
      };
    };
    this.columns = Object.fromEntries(
      FAMILIES.map((family) => [family, families[family].map(compile)]),
    ) as unknown as Record<Family, readonly PlainColumn[]>;
    this.where = event.where.map((condition) => plainCondition(condition, paths));
    this.id = paths.placesOf(event.id);
    this.time = paths.placesOf(event.time.from);
    this.iso = event.time.formats[0] === 'iso';
    this.readTime = timeReader(event.time);
    const [address = [], agent = [], referrer = [], url = []] = sources.map((list) => paths.placesOf(list));
    const textAt = (places: readonly PlainPlace[]): Lookup => ({
      find: () => this.scalarAt(places),
      placeOf: () => undefined,
    });
    this.view = new EventView(
      {
        address: textAt(address),
        agent: textAt(agent),
        referrer: textAt(referrer),
        url: () => this.urlAt(url),
      },
      enrich,
    );
    this.kernel = open({ paths: paths.paths, nulls: event.nulls, columns: this.columns });
    this.scanner = new PlainScanner(this.kernel);
    this.eventId = this.kernel.eventId;
  }

  /** @returns undefined where the mapping has no short way */
  static of(config: Config, enrich: Enrichers, hash: Hash, open: OpenPlainKernel): PlainEvent | undefined {
    const { event } = config;
    const wellFormed = event.nulls.every((text) => text.isWellFormed());
    if (event.normalizeUrl || !wellFormed) return undefined;
    const plain = new PlainEvent(config, enrich, hash, open);
    return plain.where.includes(undefined) ? undefined : plain;
  }

  /** @returns false: ask the decoder */
  begin(record: RecordInBytes, source: RecordSource): boolean {
    const { bytes, valueFrom, valueTo } = record;
    if (valueFrom < 0 || !this.scanner.scan(bytes, valueFrom, valueTo)) return false;
    this.view.begin(NOT_PARSED, record, source);
    for (const holds of this.where) if (holds?.(this) !== true) return false;
    return this.takeTime(record.timestampMs) && this.takeId(record, source);
  }

  /** The first place with a value. @returns its slot, or NONE, UNSURE or MADE */
  find(places: readonly PlainPlace[], unlessEmpty = false): number {
    const { kinds, starts, ends } = this.scanner;
    for (let i = 0; i < places.length; i++) {
      const place = places[i] as PlainPlace;
      if (typeof place !== 'number') {
        this.made = place(this.view);
        if (this.made === undefined) continue;
        return this.made instanceof Rejection ? UNSURE : MADE;
      }
      if (place === UNSURE) return UNSURE;
      const kind = kinds[place] as number;
      if (kind === Kind.ABSENT || kind === Kind.NULL) continue;
      if (unlessEmpty && kind === Kind.TEXT && starts[place] === ends[place]) continue;
      return place;
    }
    return NONE;
  }

  /** Of a text, or of what JSON spells as its text would be. */
  textOf(slot: number): string {
    const { starts, ends } = this.scanner;
    return utf8.decode(this.scanner.bytes.subarray(starts[slot], ends[slot]));
  }

  /** As JSON.parse would give it; of objects it knows nothing. */
  valueOf(slot: number): string | number | boolean {
    const kind = this.scanner.kinds[slot];
    if (kind === Kind.TRUE || kind === Kind.FALSE) return kind === Kind.TRUE;
    const text = this.textOf(slot);
    return kind === Kind.TEXT ? text : Number(text);
  }

  /** What an enrichment is made from: its text, or true for what is none. */
  private scalarAt(places: readonly PlainPlace[]): string | true | undefined {
    const slot = this.find(places);
    if (slot < 0) return undefined;
    return this.scanner.kinds[slot] === Kind.TEXT ? this.textOf(slot) : true;
  }

  /** The value of the column with the role url, unless that column leaves the event to the decoder. */
  private urlAt(places: readonly PlainPlace[]): string | undefined {
    const slot = this.find(places, true);
    if (slot < 0 || this.scanner.kinds[slot] === Kind.OTHER) return undefined;
    const text = toText(this.valueOf(slot));
    return typeof text === 'string' ? text : undefined;
  }

  private takeTime(timestampMs: number): boolean {
    const slot = this.find(this.time);
    if (slot < 0) return false;
    const { kinds, starts, ends } = this.scanner;
    const kind = kinds[slot];
    let time = NaN;
    if (kind === Kind.TEXT && this.iso)
      time = this.kernel.isoMicros(starts[slot] as number, ends[slot] as number);
    if (Number.isNaN(time)) {
      if (kind === Kind.OTHER) return false;
      const read = this.readTime(this.valueOf(slot));
      if (read instanceof Rejection) return false;
      time = Number(read);
    }
    this.eventTimeUs = time;
    return checkPlausible(time, timestampMs) === undefined;
  }

  private takeId(record: RecordInBytes, { sourceId }: RecordSource): boolean {
    const slot = this.find(this.id);
    if (slot < NONE) return false;
    if (slot >= 0) {
      const { kinds, starts, ends } = this.scanner;
      if (kinds[slot] === Kind.OTHER) return false;
      if (this.kernel.takeUuid(starts[slot] as number, ends[slot] as number)) return true;
      const own = ownEventId(this.valueOf(slot), this.hash);
      if (own instanceof Rejection) return false;
      if (own !== undefined) {
        this.eventId.set(own);
        return true;
      }
    }
    this.eventId.set(madeEventId(sourceId, record.partition, record.offset, this.hash));
    return true;
  }
}

/** What a place looks up it finds by the scanner. */
const NOT_PARSED = {};

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });
